using Activate.Identity.Core.Members;

namespace Activate.Identity.Core.Tests.Members;

public class PeopleFileTests
{
    [Fact]
    public void Columns_come_in_any_order_and_fields_may_be_quoted()
    {
        var people = Read("\uFEFFemail, Username ,displayName,role\r\ngrace@example.test,grace,\"Hopper, \"\"Amazing\"\" Grace\",admin\r\n\r\nalan@example.test , alan,,\n");
        Assert.Equal([new PersonLine(2, "grace", "grace@example.test", "admin", "Hopper, \"Amazing\" Grace"), new PersonLine(4, "alan", "alan@example.test", null, null)], people);
    }

    [Fact]
    public void A_quoted_field_may_go_over_several_lines_and_the_count_goes_on()
    {
        var people = Read("username,email,displayName\na,a@example.test,\"one\ntwo\"\nb,b@example.test,x");
        Assert.Equal([2, 4], people.Select(person => person.Line));
        Assert.Equal("one\ntwo", people[0].DisplayName);
    }

    [Fact]
    public void Role_and_name_may_be_left_out() => Assert.Equal([new PersonLine(2, "a", "a@example.test", null, null)], Read("username,email\na,a@example.test"));

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("grace,grace@example.test", "does not name the columns")]
    [InlineData("username;email\na;a@example.test", "does not name the columns")]
    [InlineData("username,email,shell\na,a@example.test,/bin/sh", "it has a column 'shell'")]
    [InlineData("username,email,\na,a@example.test,", "a column that is not known")]
    [InlineData("username,email,Email\na,b,c", "stands there twice")]
    [InlineData("username,email\na,a@example.test,admin", "line 2 has 3 fields")]
    [InlineData("username,email\na,\"a@example.test", "not closed")]
    [InlineData("username,email\na,\"a\"b", "closing quote")]
    public void What_is_not_understood_is_refused_as_a_whole(string text, string why)
    {
        var problem = PeopleFile.Parse(text).Problem;
        Assert.Equal("people_malformed", problem?.Code);
        Assert.Contains(why, problem!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void There_is_a_largest_file()
    {
        var most = "username,email\n" + string.Concat(Enumerable.Repeat("a,b\n", PeopleFile.MostPeople));
        Assert.Equal(PeopleFile.MostPeople, Read(most).Count);
        Assert.Contains("more than", PeopleFile.Parse(most + "a,b").Problem!.Detail, StringComparison.Ordinal);
    }

    private static IReadOnlyList<PersonLine> Read(string text)
    {
        Assert.True(PeopleFile.Parse(text).TryGet(out var people, out var problem), problem?.Detail);
        return people;
    }
}
