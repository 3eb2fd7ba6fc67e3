// A receiver of webhooks that costs little, as a child: says 200 to everything.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerParent } from './child.ts'

async function createReceiver() {
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => response.end())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const commands = { port: () => (server.address() as AddressInfo).port }
  answerParent(commands, async () => void server.close())
  return commands
}

export type ReceiverCommands = Awaited<ReturnType<typeof createReceiver>>

if (import.meta.main) await createReceiver()
