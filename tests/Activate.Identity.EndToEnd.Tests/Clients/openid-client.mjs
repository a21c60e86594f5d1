import * as jose from 'jose'
import * as client from 'openid-client'
import { ask, open, refusal, run, settings } from './lines.mjs'

const { issuer, clientSecret, redirectUri, resource } = settings
// The signatures of ID tokens are checked, too.
const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }
const asApplication = (authentication = client.ClientSecretBasic(clientSecret), metadata = undefined) =>
  client.discovery(new URL(issuer), settings.clientId, metadata, authentication, options)

async function authorize(config, parameters, { pushed = false, what = 'open' } = {}) {
  const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true }
  const all = {
    redirect_uri: redirectUri,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  }
  const address = pushed ? await client.buildAuthorizationUrlWithPAR(config, all) : client.buildAuthorizationUrl(config, all)
  return { address, checks, callback: await open(address, what) }
}

await run({
  async signIn() {
    const config = await asApplication()
    const { checks, callback } = await authorize(config, { scope: 'openid profile email offline_access', resource })
    // RFC 9207: an answer of another issuer, or of none, is refused before the code is sent anywhere.
    const foreign = new URL(callback)
    foreign.searchParams.set('iss', 'https://id.example.org/')
    const anonymous = new URL(callback)
    anonymous.searchParams.delete('iss')
    const foreignIssuer = await refusal(client.authorizationCodeGrant(config, foreign, checks))
    const noIssuer = await refusal(client.authorizationCodeGrant(config, anonymous, checks))
    const tokens = await client.authorizationCodeGrant(config, callback, checks)
    const claims = tokens.claims()
    const userInfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
    const introspected = await client.tokenIntrospection(config, refreshed.access_token)
    const again = await refusal(client.authorizationCodeGrant(config, callback, checks))
    return {
      supportsPkce: config.serverMetadata().supportsPKCE(), foreignIssuer, noIssuer, claims, userInfo, introspected, again,
      tokenType: tokens.token_type, expiresIn: tokens.expires_in, scope: tokens.scope, sameSubject: refreshed.claims().sub === claims.sub, newToken: refreshed.access_token !== tokens.access_token,
    }
  },

  async revokeAndSignOut() {
    const config = await asApplication()
    const { checks, callback } = await authorize(config, { scope: 'openid offline_access' }, { pushed: true })
    const tokens = await client.authorizationCodeGrant(config, callback, checks)
    await client.tokenRevocation(config, tokens.refresh_token)
    const refresh = await refusal(client.refreshTokenGrant(config, tokens.refresh_token))
    const userInfo = await refusal(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub))
    const signedOut = await open(client.buildEndSessionUrl(config, { post_logout_redirect_uri: settings.signedOutUri, id_token_hint: tokens.id_token, state: 'bye' }), 'leave')
    return { refresh, userInfo, signedOut }
  },

  async pushed() {
    const config = await asApplication()
    const { address, checks, callback } = await authorize(config, { scope: 'openid profile' }, { pushed: true })
    const tokens = await client.authorizationCodeGrant(config, callback, checks)
    return { parameters: Object.fromEntries(address.searchParams), name: tokens.claims().preferred_username }
  },

  async refusals() {
    const config = await asApplication()
    const denied = await authorize(config, { scope: 'openid' }, { what: 'deny' })
    const allowed = await authorize(config, { scope: 'openid' })
    const wrong = new URL(allowed.callback)
    wrong.searchParams.set('code', 'made-up')
    return {
      denied: await refusal(client.authorizationCodeGrant(config, denied.callback, denied.checks)),
      wrongCode: await refusal(client.authorizationCodeGrant(config, wrong, allowed.checks)),
      wrongVerifier: await refusal(client.authorizationCodeGrant(config, allowed.callback, { ...allowed.checks, pkceCodeVerifier: client.randomPKCECodeVerifier() })),
      wrongState: await refusal(client.authorizationCodeGrant(config, allowed.callback, { ...allowed.checks, expectedState: 'another' })),
      wrongSecretBasic: await refusal(client.clientCredentialsGrant(await asApplication(client.ClientSecretBasic('wrong%+&=: secret')), {})),
      wrongSecretPost: await refusal(client.clientCredentialsGrant(await asApplication(client.ClientSecretPost('wrong%+&=: secret')), {})),
      unknownScope: await refusal(client.clientCredentialsGrant(config, { scope: 'no-such-scope' })),
    }
  },

  async privateKey() {
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
    const kid = 'key-1'
    settings.clientId = await ask('register', { ...(await jose.exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' })
    const config = await asApplication(client.PrivateKeyJwt({ key: privateKey, kid }), { id_token_signed_response_alg: 'ES256' })
    const { checks, callback } = await authorize(config, { scope: 'openid profile offline_access' }, { pushed: true })
    const tokens = await client.authorizationCodeGrant(config, callback, checks)
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
    const stranger = await jose.generateKeyPair('ES256')
    return {
      algorithm: jose.decodeProtectedHeader(tokens.id_token).alg, refreshedAlgorithm: jose.decodeProtectedHeader(refreshed.id_token).alg, name: tokens.claims().preferred_username,
      stranger: await refusal(client.refreshTokenGrant(await asApplication(client.PrivateKeyJwt({ key: stranger.privateKey, kid })), refreshed.refresh_token)),
    }
  },

  async device() {
    const config = await asApplication(client.None())
    const begun = await client.initiateDeviceAuthorization(config, { scope: 'openid profile offline_access' })
    await ask('code', begun.user_code)
    const tokens = await client.pollDeviceAuthorizationGrant(config, begun)
    const denied = await client.initiateDeviceAuthorization(config, { scope: 'openid' })
    await ask('denyCode', denied.user_code)
    return {
      name: tokens.claims().preferred_username, expiresIn: tokens.expires_in, refreshed: (await client.refreshTokenGrant(config, tokens.refresh_token)).token_type,
      denied: await refusal(client.pollDeviceAuthorizationGrant(config, denied)),
    }
  },

  async service() {
    const config = await asApplication()
    const tokens = await client.clientCredentialsGrant(config, { scope: 'platform' })
    const exchange = subject_token => client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', { subject_token, subject_token_type: 'urn:parallelworks:token-type:api-key', resource })
    const exchanged = await exchange(settings.apiKey)
    return {
      own: jose.decodeJwt(tokens.access_token), exchanged: jose.decodeJwt(exchanged.access_token), type: exchanged.issued_token_type, introspected: await client.tokenIntrospection(config, exchanged.access_token),
      posted: (await client.clientCredentialsGrant(await asApplication(client.ClientSecretPost(clientSecret)), {})).token_type,
      unknownSubject: await refusal(exchange('made-up')),
    }
  },
})
