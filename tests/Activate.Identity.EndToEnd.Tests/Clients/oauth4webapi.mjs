import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import { ask, open, refusal, run, settings } from './lines.mjs'

const insecure = { [oauth.allowInsecureRequests]: true }
const { clientSecret, redirectUri, resource } = settings
const issuer = new URL(settings.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
// RFC 8414's document beside OpenID Connect's.
const same = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }))
const client = { client_id: settings.clientId }
const basic = clientSecret ? oauth.ClientSecretBasic(clientSecret) : undefined

async function authorize(scope, { authentication, what = 'open', more = {} } = {}) {
  const checks = { verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() }
  const parameters = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(checks.verifier),
    code_challenge_method: 'S256',
    state: checks.state,
    nonce: checks.nonce,
    ...more,
  })
  const address = new URL(as.authorization_endpoint)
  if (authentication) {
    const pushed = await oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, insecure))
    address.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri })
  } else {
    address.search = parameters
  }
  return { ...checks, callback: await open(address, what) }
}

async function redeem(authentication, { verifier, state, nonce, callback }) {
  const parameters = oauth.validateAuthResponse(as, client, callback, state)
  const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, redirectUri, verifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true })
  await oauth.validateApplicationLevelSignature(as, response, insecure)
  return tokens
}

const refresh = async (authentication, token) => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, authentication, token, insecure))

/** What a resource server in Node does with a caller. */
const validate = (token, audience) => oauth.validateJwtAccessToken(as, new Request(audience, { headers: { authorization: `Bearer ${token}` } }), audience, insecure)

await run({
  async signIn() {
    const asked = await authorize('openid profile email offline_access', { more: { resource } })
    const foreign = new URL(asked.callback)
    foreign.searchParams.set('iss', 'https://id.example.org/')
    const foreignIssuer = await refusal((async () => oauth.validateAuthResponse(as, client, foreign, asked.state))())
    const tokens = await redeem(basic, asked)
    const claims = oauth.getValidatedIdTokenClaims(tokens)
    const userInfo = await oauth.processUserInfoResponse(as, client, claims.sub, await oauth.userInfoRequest(as, client, tokens.access_token, insecure))
    const refreshed = await refresh(basic, tokens.refresh_token)
    const access = await validate(refreshed.access_token, resource)
    const introspected = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, basic, refreshed.access_token, insecure))
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, basic, refreshed.access_token, insecure))
    return {
      sameMetadata: same.token_endpoint === as.token_endpoint, foreignIssuer, claims, userInfo, access, introspected, tokenType: tokens.token_type, expiresIn: tokens.expires_in, scope: tokens.scope,
      revoked: await refusal(refresh(basic, refreshed.refresh_token)),
    }
  },

  async pushedAndSignOut() {
    const tokens = await redeem(basic, await authorize('openid profile', { authentication: basic }))
    const address = new URL(as.end_session_endpoint)
    address.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: settings.signedOutUri, state: 'bye' })
    return { name: oauth.getValidatedIdTokenClaims(tokens).preferred_username, signedOut: await open(address, 'leave') }
  },

  async refusals() {
    const denied = await authorize('openid', { what: 'deny' })
    const asked = await authorize('openid')
    const wrong = new URL(asked.callback)
    wrong.searchParams.set('code', 'made-up')
    return {
      denied: await refusal(redeem(basic, denied)),
      wrongCode: await refusal(redeem(basic, { ...asked, callback: wrong })),
      wrongSecret: await refusal(redeem(oauth.ClientSecretBasic('wrong%+&=: secret'), asked)),
    }
  },

  async privateKey() {
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
    const kid = 'key-1'
    client.client_id = await ask('register', { ...(await jose.exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' })
    client.id_token_signed_response_alg = 'ES256'
    const proof = oauth.PrivateKeyJwt({ key: privateKey, kid })
    const tokens = await redeem(proof, await authorize('openid profile offline_access', { authentication: proof }))
    const refreshed = await refresh(proof, tokens.refresh_token)
    return { algorithm: jose.decodeProtectedHeader(refreshed.id_token).alg, name: oauth.getValidatedIdTokenClaims(tokens).preferred_username }
  },

  async device() {
    const none = oauth.None()
    const begun = await oauth.processDeviceAuthorizationResponse(as, client, await oauth.deviceAuthorizationRequest(as, client, none, new URLSearchParams({ scope: 'openid profile offline_access' }), insecure))
    const poll = async () => oauth.processDeviceCodeResponse(as, client, await oauth.deviceCodeGrantRequest(as, client, none, begun.device_code, insecure))
    const pending = await refusal(poll())
    await ask('code', begun.user_code)
    await new Promise(later => setTimeout(later, begun.interval * 1000 + 200))
    const tokens = await poll()
    return { interval: begun.interval, pending, name: oauth.getValidatedIdTokenClaims(tokens).preferred_username, refreshed: (await refresh(none, tokens.refresh_token)).token_type }
  },

  async service() {
    const own = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, basic, new URLSearchParams({ scope: 'platform' }), insecure))
    const exchange = new URLSearchParams({ subject_token: settings.apiKey, subject_token_type: 'urn:parallelworks:token-type:api-key', resource })
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
    const exchanged = await oauth.processGenericTokenEndpointResponse(as, client, await oauth.genericTokenEndpointRequest(as, client, basic, grant, exchange, insecure))
    return { own: jose.decodeJwt(own.access_token), exchanged: await validate(exchanged.access_token, resource) }
  },
})
