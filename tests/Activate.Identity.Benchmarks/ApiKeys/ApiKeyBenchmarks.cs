using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.ApiKeys;
using BenchmarkDotNet.Attributes;

namespace Activate.Identity.Benchmarks.ApiKeys;

/// <summary>What a key costs before the database is asked. The measure is one SHA-256 of the same bytes, which no check of a key can do without.</summary>
[MemoryDiagnoser]
public class ApiKeyBenchmarks
{
    private static readonly Uri s_origin = new("https://id.example.org");

    private readonly byte[] _hash = new byte[ApiKeySecret.HashLength];
    private string _key = "";
    private string _wrong = "";
    private byte[] _bytes = [];

    [GlobalSetup]
    public void Setup()
    {
        _key = ApiKeySecret.From(s_origin, "7XWc0pQ2mVn9LrTgYh3Ks8DfJb5ZxAe1UiOoPwRtEyq").Reveal();
        _wrong = _key[..^1] + (_key[^1] == 'a' ? 'b' : 'a');
        _bytes = Encoding.ASCII.GetBytes(_key);
    }

    [Benchmark(Baseline = true, Description = "SHA-256 of the same bytes")]
    public int Sha256() => SHA256.HashData(_bytes, _hash);

    [Benchmark(Description = "IsWellFormed")]
    public bool IsWellFormed() => ApiKeySecret.IsWellFormed(_key);

    [Benchmark(Description = "IsWellFormed and Hash")]
    public bool IsWellFormedAndHash()
    {
        if (!ApiKeySecret.IsWellFormed(_key))
            return false;
        ApiKeySecret.Hash(_key, _hash);
        return true;
    }

    [Benchmark(Description = "Refuse a wrong checksum")]
    public bool RefuseWrongChecksum() => ApiKeySecret.IsWellFormed(_wrong);

    [Benchmark(Description = "Generate")]
    public ApiKeySecret Generate() => ApiKeySecret.Generate(s_origin);
}
