// A certified OpenID Connect provider, as an organization may have one: npm oidc-provider, with one client and everybody who is named. It signs in whom the test says, without a page, and lists what it was asked.
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { ask, run, settings } from './lines.mjs'

// Standard output is for the test; it tells its own people that this is not for production.
console.info = console.warn = console.error
const people = new Map()
let signsIn

await run({
  async serve() {
    const asked = []
    const server = createServer()
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
    const issuer = `http://127.0.0.1:${server.address().port}`
    const provider = new Provider(issuer, {
      clients: [{
        client_id: 'activate', client_secret: settings.clientSecret, grant_types: ['authorization_code'], response_types: ['code'], redirect_uris: [settings.redirectUri],
        token_endpoint_auth_method: 'client_secret_basic', require_auth_time: true,
      }],
      scopes: ['openid', 'profile', 'email'],
      claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'], email: ['email', 'email_verified'], acr: null, amr: null, auth_time: null },
      acrValues: ['gold'],
      cookies: { keys: ['only for tests'] },
      pkce: { required: () => true },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      features: { devInteractions: { enabled: false } },
    })
    const interaction = async (request, response) => {
      const { prompt, params, session } = await provider.interactionDetails(request, response)
      if (prompt.name === 'login')
        return signsIn === null
          ? provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'Not today.' })
          : provider.interactionFinished(request, response, { login: { accountId: signsIn, amr: ['pwd', 'mfa'], acr: 'gold' } })
      const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
      grant.addOIDCScope(params.scope)
      return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
    }
    const callback = provider.callback()
    server.on('request', (request, response) => {
      const path = new URL(request.url, issuer).pathname
      asked.push(path)
      if (!path.startsWith('/interaction/'))
        return callback(request, response)
      interaction(request, response).catch(error => {
        response.statusCode = 500
        response.end(String(error))
      })
    })
    for (;;) {
      const next = await ask('serving', issuer)
      if (next === null)
        return { asked }
      signsIn = next.sub
      if (next.claims)
        people.set(next.sub, next.claims)
    }
  },
})
