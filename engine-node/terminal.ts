// What `npm start` says to the person before the terminal: where the key lies and which lines to copy next. It decides nothing.
import { toString as drawQr } from 'qrcode'

export interface StartFacts {
  version: string
  url: string
  dataDir: string
  /** The file that holds the first admin key, when there is one. */
  keyFile: string | null
  /** True when this start made it. */
  keyIsNew: boolean
  sessions: number
  plugins: number
  /** What this machine lacks, each a sentence with what to do. */
  lacking: readonly string[]
}

/** The text after a start: for a first one, every step to the first answered message. */
export function startText(facts: StartFacts): string {
  const { version, url, dataDir, keyFile, keyIsNew, sessions, plugins, lacking } = facts
  const lines = [`Wharf ${version} listens on ${url}`, `Data lies in ${dataDir}`]
  if (keyFile)
    lines.push(
      `${keyIsNew ? 'The first admin key was made now. It' : 'The first admin key'} lies in ${keyFile}`,
    )
  for (const sentence of lacking) lines.push(`Note: ${sentence}`)
  if (sessions > 0 || plugins > 0)
    return `${[...lines, `${count(sessions, 'session')} and ${count(plugins, 'plugin')} come back by themselves`].join('\n')}\n`
  return `${[
    ...lines,
    '',
    'Next, in another terminal:',
    '',
    keyFile ? `  KEY=$(cat ${keyFile})` : '  KEY=…   # your API_MASTER_KEY',
    `  URL=${url}/api`,
    '',
    '  # Create a session and link your phone: the QR code appears here, to be scanned in WhatsApp under "Linked devices"',
    `  ID=$(curl -s -X POST $URL/sessions -H "X-API-Key: $KEY" -H 'Content-Type: application/json' -d '{"name":"my-phone"}' | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')`,
    '  curl -s -X POST $URL/sessions/$ID/start -H "X-API-Key: $KEY"',
    '',
    '  # Install a plugin by its URL and switch it on',
    `  curl -s -X POST $URL/plugins/install-url -H "X-API-Key: $KEY" -H 'Content-Type: application/json' -d '{"url":"https://…/plugin.zip#sha256=…"}'`,
    '  curl -s -X POST $URL/plugins/PLUGIN-ID/enable -H "X-API-Key: $KEY"',
    '',
    `All routes: ${url}/api/docs`,
  ].join('\n')}\n`
}

const count = (number: number, thing: string) => `${number} ${thing}${number === 1 ? '' : 's'}`

/** A QR code as text that a phone's camera reads off a terminal, with the name of its session. */
export async function qrText(sessionName: string, qr: string): Promise<string> {
  const picture = await drawQr(qr, { type: 'terminal', small: true })
  return `\nScan this with the phone to link the session "${sessionName}" (WhatsApp, Linked devices):\n${picture}\n`
}
