// The peers have no case for a refresh: here it is for oidc-provider, which is asked for the same answer as ours by the case refresh-es256 (an access token, a refresh token, an ID token signed with ES256).
// By itself it gives a confidential client the same refresh token again until 70 % of its life are over, so a pool may replay; ours is redeemed each time. Its access token is opaque, ours is signed.
// Environment: PEERS_DIR (where bench.mjs is; else the current folder).
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const of = file => import(pathToFileURL(path.join(path.resolve(process.env.PEERS_DIR ?? '.'), file)));
const { form, send, pkce, follow, Jar, parallel } = await of('lib/http.mjs');
const { default: instances } = await of('peers/oidc-provider/index.mjs');

const callback = 'https://web.example/cb';
const client = { client_id: 'web', client_secret: '0123456789abcdef0123456789abcdef' };

async function signIn(base, i) {
  const k = pkce();
  const at = await follow(`${base}/auth?` + form({ client_id: client.client_id, response_type: 'code', redirect_uri: callback, scope: 'openid profile email offline_access', prompt: 'consent', code_challenge: k.challenge, code_challenge_method: 'S256', login_hint: 'user-' + i }), callback, new Jar());
  const r = await send(base, { method: 'POST', path: '/token', body: form({ grant_type: 'authorization_code', code: at.searchParams.get('code'), redirect_uri: callback, code_verifier: k.verifier, ...client }) });
  if (!r.json.refresh_token) throw new Error(`no refresh token: ${r.status} ${r.text.slice(0, 300)}`);
  return r.json.refresh_token;
}

export default instances.map(peer => ({
  ...peer, name: peer.name.replace('oidc-provider/', 'oidc-provider-refresh/'),
  cases: () => [{
    name: 'refresh-es256', expect: r => JSON.parse(Buffer.from(r.json.id_token.split('.')[0], 'base64url')).alg === 'ES256' && !!r.json.refresh_token,
    requests: () => parallel(200, 4, async i => ({ method: 'POST', path: '/token', body: form({ grant_type: 'refresh_token', refresh_token: await signIn(peer.base, i), ...client }) })),
  }],
}));
