// Our server in the shape that the peers' bench.mjs measures (see README.md here): a Release publish on loopback, in Production, on SQLite as the server
// sets it (WAL, synchronous=FULL). Everything is registered over HTTP: as people, devices and administrators do it.
// Environment: OURS (Activate.Identity.Server.dll as published), PEERS_DIR (where bench.mjs is; else the current folder).
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';

const peers = path.resolve(process.env.PEERS_DIR ?? '.');
const { basic, form, Jar, parallel, pkce, send } = await import(pathToFileURL(path.join(peers, 'lib/http.mjs')));

const port = 4771, base = `http://127.0.0.1:${port}`, callback = 'https://app.example.test/callback';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code', MANAGE = 'openid profile platform credentials:read credentials:write organization:read organization:write';
const owner = { username: 'ada', password: 'only for measuring, 8 walls' };
const dll = path.resolve(process.env.OURS ?? 'Activate.Identity.Server.dll');
const folder = run => path.join(run, 'ours'), database = run => path.join(folder(run), 'activate-identity.db');

function prepare(run) {
  if (!existsSync(dll)) throw new Error(`not published: ${dll} (OURS)`);
  rmSync(folder(run), { recursive: true, force: true });
  mkdirSync(folder(run), { recursive: true });
  const ring = path.join(folder(run), 'ring');
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${ring}.key`, '-out', `${ring}.crt`, '-days', '30', '-subj', '/CN=only for measuring');
  openssl('pkcs12', '-export', '-inkey', `${ring}.key`, '-in', `${ring}.crt`, '-out', `${ring}.pfx`, '-passout', 'pass:');
}

const start = run => ({
  cmd: 'dotnet', args: [dll], cwd: path.dirname(dll),
  env: {
    DOTNET_ENVIRONMENT: 'Production', Urls: base, Server__PublicOrigin: base, Data__Folder: folder(run), KeyRing__CertificatePath: path.join(folder(run), 'ring.pfx'),
    Setup__Organization: 'Load Lab', Setup__Username: owner.username, Setup__Email: 'ada@example.test', Setup__Password: owner.password,
    // One address starts as many device logins as it can: the limit would answer 429 after 200.
    RateLimits__Enabled: 'false',
  },
});

// ---- a person with a browser that has no JavaScript --------------------------------------------------------------------
class Browser {
  #jar;
  constructor(jar = new Jar()) { this.#jar = jar; }
  /** another window of it, with the same cookies */
  window() { return new Browser(this.#jar); }
  async #go(url, init = {}) {
    for (let hops = 0; hops < 10; hops++) {
      const answer = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, cookie: this.#jar.header } });
      this.#jar.take(answer);
      this.address = url;
      this.page = await answer.text();
      const to = answer.headers.get('location');
      if (!to) { if (answer.status >= 400) throw new Error(`${url}: ${answer.status} ${this.page.slice(0, 300)}`); return; }
      url = new URL(to, url).href;
      init = {};
      if (!url.startsWith(base)) { this.address = url; return; }
    }
    throw new Error('too many redirects, last ' + url);
  }
  go(to) { return this.#go(new URL(to, base).href); }
  /** fills in the form that holds a button of this text and sends it, hidden fields included */
  async submit(text, fields = {}) {
    const attribute = (tag, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1].replace(/&#x([0-9A-F]+);/gi, (_, hex) => String.fromCodePoint(parseInt(hex, 16))).replaceAll('&quot;', '"').replaceAll('&amp;', '&');
    for (const [whole] of this.page.matchAll(/<form\b[\s\S]*?<\/form>/g)) {
      const button = [...whole.matchAll(/(<button\b[^>]*>)([^<]*)</g)].find(b => b[2].trim() === text)?.[1];
      if (!button) continue;
      const values = {};
      for (const [input] of whole.matchAll(/<input\b[^>]*>/g)) if (attribute(input, 'name')) values[attribute(input, 'name')] = attribute(input, 'value') ?? '';
      for (const [, select, options] of whole.matchAll(/(<select\b[^>]*>)([\s\S]*?)<\/select>/g)) values[attribute(select, 'name')] = attribute(/<option\b[^>]*\bselected\b[^>]*>/.exec(options)?.[0] ?? options, 'value');
      if (attribute(button, 'name')) values[attribute(button, 'name')] = attribute(button, 'value');
      const action = new URL(attribute(button, 'formaction') ?? attribute(whole, 'action') ?? this.address, this.address).href;
      return this.#go(action, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form({ ...values, ...fields }) });
    }
    throw new Error(`no button '${text}' on ${this.address}: ${this.page.replace(/<[^>]*>|\s+/g, ' ').slice(0, 300)}`);
  }
}

/** what must succeed; told to come back shortly (503), it does, as a client should */
const ok = async (what, request, status = 200) => {
  let r = await send(base, request);
  for (let i = 0; r.status === 503 && i < 5; i++) { await sleep(500); r = await send(base, request); }
  if (r.status !== status) throw new Error(`${what}: ${r.status} ${r.text.slice(0, 300)}`);
  return r.json;
};
const post = (to, fields, headers) => ({ method: 'POST', path: to, headers, body: form(fields) });

/** who signs in, the bearer that may manage, and the applications: made once, used by all cases */
async function seed() {
  const browser = new Browser();
  await browser.go('/sign-in');
  await browser.submit('Sign in', { Username: owner.username, Password: owner.password });
  const codes = await ok('device', post('/connect/device', { client_id: 'activate-cli', scope: MANAGE }));
  await browser.go('/device');
  await browser.submit('Continue', { code: codes.user_code });
  await browser.submit('Allow');
  const bearer = (await ok('poll', post('/connect/token', { grant_type: DEVICE, client_id: 'activate-cli', device_code: codes.device_code }))).access_token;
  const api = (to, body) => ok(to, { method: 'POST', path: '/api/v1' + to, headers: { authorization: 'Bearer ' + bearer, 'content-type': 'application/json' }, body: JSON.stringify(body) }, 201);
  const application = body => api('/organization/applications', body);
  const web = name => ({ name, type: 'web', scopes: ['openid', 'profile', 'email', 'offline_access', 'platform'], redirectUris: [callback] });
  return {
    browser, api,
    rs256: await application({ name: 'signs RS256', type: 'service', scopes: ['platform'] }),
    es256: await application({ name: 'signs ES256', type: 'service', scopes: ['platform'], signingAlgorithm: 'ES256' }),
    web: await application(web('web')),
    webEs256: await application({ ...web('web ES256'), signingAlgorithm: 'ES256' }),
    device: await application({ name: 'device', type: 'native', scopes: ['openid', 'profile'], grants: ['device_code'] }),
    // Server-wide, by the operator: it answers for the server's own audiences.
    checks: await api('/applications', { name: 'checks', type: 'resourceServer', resources: [base + '/platform', base + '/api'] }),
  };
}

/** how many of what the pools hold: more than comes in a second, because the server remembers a checked credential for 0.9 s, and what comes once is what costs */
const number = (name, usual) => +(process.env[name] ?? usual);
const CHAINS = number('CHAINS', 16_000), TOKENS = number('TOKENS', 30_000), CODES = number('CODES', 120_000), KEYS = 100; // one user has no more keys

const algorithm = name => r => JSON.parse(Buffer.from(r.json.access_token.split('.')[0], 'base64url')).alg === name;
const client = a => ({ client_id: a.clientId, client_secret: a.clientSecret });
const own = a => post('/connect/token', { grant_type: 'client_credentials', ...client(a), scope: 'platform' });

/** a person's sign-in to a web application; the person is asked once */
async function connect(signedIn, web, scope) {
  const k = pkce(), browser = signedIn.window();
  await browser.go('/connect/authorize?' + form({ client_id: web.clientId, response_type: 'code', redirect_uri: callback, scope, state: 's', code_challenge: k.challenge, code_challenge_method: 'S256' }));
  if (!browser.address.startsWith(callback)) await browser.submit('Allow');
  const code = new URL(browser.address).searchParams.get('code');
  return ok('code', post('/connect/token', { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: k.verifier, ...client(web) }));
}

/**
 * Refresh tokens are for one use, and a pool replays: what was redeemed is put back every second, behind the server's back, so that each request moves its chain on by
 * a durable write. The pool is larger than what one second redeems.
 */
let putBack;
function putBackEverySecond(run) {
  const sqlite = promisify(execFile);
  putBack ??= setInterval(() => sqlite('taskset', ['-c', '1', 'sqlite3', database(run), '.timeout 2000', 'UPDATE TokenGrants SET RefreshPlace=1, RefreshedAt=NULL WHERE RefreshPlace>1'])
    .catch(e => console.error('refresh tokens were not put back:', e.message)), 1000);
  putBack.unref();
}
function stopPuttingBack() { clearInterval(putBack); putBack = undefined; }

async function cases(run) {
  const s = await seed();
  const introspect = token => post('/connect/introspect', { token, ...client(s.checks) });
  const connected = new Map();
  const signIn = web => connect(s.browser, web, 'openid profile email offline_access platform');
  const signIns = web => connected.get(web) ?? connected.set(web, signIn(web).then(first => parallel(CHAINS, 8, i => i === 0 ? first : signIn(web)))).get(web);
  const refresh = (name, web) => ({
    name, expect: r => /^pwr_/.test(r.json.refresh_token), requests: async () => {
      const pool = (await signIns(web)).map(t => post('/connect/token', { grant_type: 'refresh_token', refresh_token: t.refresh_token, ...client(web) }));
      putBackEverySecond(run);
      return pool;
    },
  });
  const deviceStart = post('/connect/device', { client_id: s.device.clientId, scope: 'openid profile' });
  return [
    { name: 'cc-es256', expect: algorithm('ES256'), requests: () => [own(s.es256)] },
    { name: 'cc-rs256', expect: algorithm('RS256'), requests: () => [own(s.rs256)] },
    { name: 'introspect-jwt', expect: r => r.json.active === true, requests: () => parallel(TOKENS, 8, async () => introspect((await ok('own', own(s.es256))).access_token)) },
    { name: 'introspect-key', expect: r => r.json.active === true, requests: () => parallel(KEYS, 1, async i => introspect((await s.api('/api-keys', { name: 'key ' + i, scopes: ['platform'] })).key)) },
    { name: 'userinfo', expect: r => r.json.email === 'ada@example.test', requests: async () => (await signIns(s.web)).map(t => ({ path: '/connect/userinfo', headers: { Authorization: 'Bearer ' + t.access_token } })) },
    refresh('refresh', s.web), refresh('refresh-es256', s.webEs256),
    { name: 'device-start', before: stopPuttingBack, expect: r => !!r.json.user_code, requests: () => [deviceStart] },
    // The interval is 5 s: more codes than are asked for in that time, so that none is told to slow down.
    { name: 'device-poll', before: stopPuttingBack, status: 400, expect: r => r.json.error === 'authorization_pending', requests: () => parallel(CODES, 8, async () =>
      post('/connect/token', { grant_type: DEVICE, client_id: s.device.clientId, device_code: (await ok('device', deviceStart)).device_code })) },
  ];
}

export default {
  warm: 30, // seconds, as for OpenIddict: tiered JIT on one core takes that long
  name: 'ours/sqlite', title: 'Activate.Identity, EF Core 10 SQLite with synchronous=FULL, .NET 10', base, health: base + '/health/ready',
  prepare: ({ run }) => prepare(run), start: ({ run }) => start(run), cases: ({ run }) => cases(run), cleanup: stopPuttingBack,
};
