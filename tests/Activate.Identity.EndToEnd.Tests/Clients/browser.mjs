// A program without a server of its own, run by the browser at an origin that is not the identity server's: what it has, it has by fetch and CORS.
import * as oauth from '/oauth4webapi.js'

const { issuer, clientId } = await (await fetch('/settings.json')).json()
const insecure = { [oauth.allowInsecureRequests]: true }
const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), insecure))
const client = { client_id: clientId }
const redirectUri = `${location.origin}/callback`

const reached = async (path, init) => {
  try {
    return (await fetch(new URL(path, issuer), init)).status
  } catch {
    return 'refused by the browser'
  }
}

async function begin() {
  const asked = { verifier: oauth.generateRandomCodeVerifier(), state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() }
  sessionStorage.setItem('asked', JSON.stringify(asked))
  const address = new URL(as.authorization_endpoint)
  address.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile offline_access platform',
    code_challenge: await oauth.calculatePKCECodeChallenge(asked.verifier),
    code_challenge_method: 'S256',
    state: asked.state,
    nonce: asked.nonce,
  })
  location.assign(address)
}

async function end() {
  const { verifier, state, nonce } = JSON.parse(sessionStorage.getItem('asked'))
  const parameters = oauth.validateAuthResponse(as, client, new URL(location), state)
  const response = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, redirectUri, verifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true })
  // Fetches the key set.
  await oauth.validateApplicationLevelSignature(as, response, insecure)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token, insecure))
  const user = await oauth.processUserInfoResponse(as, client, claims.sub, await oauth.userInfoRequest(as, client, refreshed.access_token, insecure))
  // The API is for programs with a server, and for command lines.
  const bearer = { headers: { authorization: `Bearer ${refreshed.access_token}` } }
  const api = await reached('api/v1/me', bearer)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.None(), refreshed.refresh_token, insecure))
  return { name: user.preferred_username, scope: refreshed.scope, api, afterwards: await reached('connect/userinfo', bearer) }
}

if (location.pathname !== '/callback') {
  await begin()
} else {
  try {
    document.querySelector('pre').textContent = JSON.stringify(await end())
  } catch (error) {
    document.querySelector('pre').textContent = JSON.stringify({ error: `${error.name}: ${error.message} ${error.cause ? JSON.stringify(error.cause) : ''}` })
  }
}
