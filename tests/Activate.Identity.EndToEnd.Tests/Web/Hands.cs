using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>How a person works the pages: with the mouse, or with nothing but the keyboard.</summary>
public abstract class Hands(IPage page)
{
    protected IPage Page => page;

    /// <summary>Clicks, or presses Enter on, the link, button or menu of that name.</summary>
    public abstract Task ClickAsync(string name);

    public abstract Task FillAsync(string label, string text);

    public abstract Task ChooseAsync(string label, string option);
}

public sealed class Mouse(IPage page) : Hands(page)
{
    public override async Task ClickAsync(string name) =>
        await Page.Locator("a, button, summary").Filter(new() { Visible = true }).And(Page.GetByRole(AriaRole.Link, new() { Name = name, Exact = true })
            .Or(Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true })).Or(Page.Locator("summary", new() { HasTextString = name }))).First.ClickAsync();

    public override Task FillAsync(string label, string text) => Page.GetByLabel(label, new() { Exact = true }).FillAsync(text);

    public override async Task ChooseAsync(string label, string option) => await Page.GetByLabel(label, new() { Exact = true }).SelectOptionAsync(new SelectOptionValue { Label = option });
}

/// <summary>Tab, Shift, Enter, and typing. What cannot be reached that way does not exist.</summary>
public sealed class Keyboard(IPage page) : Hands(page)
{
    private const string NameOfFocus = """
        () => { const e = document.activeElement; if (!e || e === document.body) return '';
                return (e.getAttribute('aria-label') || (e.labels && e.labels.length ? e.labels[0].textContent : '') || e.innerText || e.textContent || '').trim(); }
        """;

    public override async Task ClickAsync(string name)
    {
        await TabToAsync(name);
        if (await Page.EvaluateAsync<bool>("() => document.activeElement.matches('a, button[type=submit], button:not([type])')"))
        {
            var loaded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Loaded(object? sender, IPage page) => loaded.TrySetResult();
            Page.Load += Loaded;
            await Page.Keyboard.PressAsync("Enter");
            await loaded.Task.WaitAsync(TimeSpan.FromSeconds(20));
            Page.Load -= Loaded;
        }
        else
        {
            await Page.Keyboard.PressAsync("Enter");
        }
    }

    public override async Task FillAsync(string label, string text)
    {
        await TabToAsync(label);
        await Page.Keyboard.PressAsync("Control+A");
        await Page.Keyboard.InsertTextAsync(text);
    }

    public override async Task ChooseAsync(string label, string option)
    {
        await TabToAsync(label);
        await Page.Keyboard.TypeAsync(option);
    }

    private async Task TabToAsync(string name)
    {
        for (var presses = 0; presses < 80; presses++)
        {
            if (await Page.EvaluateAsync<string>(NameOfFocus) == name)
            {
                // Whoever works without a mouse has to see where they are.
                Assert.NotEqual("none", await Page.EvaluateAsync<string>("() => getComputedStyle(document.activeElement).outlineStyle"));
                return;
            }

            await Page.Keyboard.PressAsync("Tab");
        }

        Assert.Fail($"No Tab leads to '{name}' on {Page.Url}: {await Page.InnerTextAsync("body")}");
    }
}
