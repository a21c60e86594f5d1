// How a client program here speaks with its test: settings come as the first line of standard input, for they hold secrets, which never stand among arguments.
// What a person would do (open an address, type a code) is asked for in a line, and answered by one.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)

export const settings = await read()

export async function ask(what, value) {
  console.log(JSON.stringify({ ask: what, value }))
  return await read()
}

/** Where the browser was sent to after it had opened the address. */
export const open = async (address, what = 'open') => new URL(await ask(what, new URL(address).href))

/** How a library tells that something was refused. */
export async function refusal(promise) {
  try {
    await promise
  } catch (error) {
    return { name: error.name, code: error.code, error: error.error, status: error.status, message: error.message, challenge: error.cause?.[0] }
  }
  throw new Error('It was not refused.')
}

export async function run(scenarios) {
  try {
    console.log(JSON.stringify({ done: await scenarios[settings.scenario]() }))
    process.exit(0)
  } catch (error) {
    console.log(JSON.stringify({ failed: `${error.stack} ${error.code ?? ''} ${error.error ?? ''} ${error.error_description ?? ''} ${error.cause?.stack ?? ''}` }))
    process.exit(1)
  }
}
