using System.Text.Json;
using System.Text.Json.Serialization;

namespace Activate.Identity.Server.Applications;

/// <summary>A JWKS on its way through JSON, as text that Core judges. (JsonObject throws at a repeated member what is not a JsonException, which would be a 500.)</summary>
[JsonConverter(typeof(Converter))]
internal sealed record KeySetJson(string Text)
{
    public static KeySetJson? Of(string? text) => text is null ? null : new KeySetJson(text);

    /// <summary>Not the text: somebody may have sent a private key.</summary>
    public override string ToString() => "key set";

    internal sealed class Converter : JsonConverter<KeySetJson?>
    {
        public override KeySetJson? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.Null)
                return null;
            using var document = JsonDocument.ParseValue(ref reader);
            return new KeySetJson(document.RootElement.GetRawText());
        }

        public override void Write(Utf8JsonWriter writer, KeySetJson? value, JsonSerializerOptions options)
        {
            if (value is null)
                writer.WriteNullValue();
            else
                writer.WriteRawValue(value.Text);
        }
    }
}
