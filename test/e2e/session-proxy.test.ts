// A session behind a proxy: its socket, and every byte of its files, through the proxy and nowhere else.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpProxy, socks4Proxy, socksProxy, type TestProxy } from '../../engine-node/net/proxy.fixtures.ts'
import { until } from '../support/gateway.ts'
import { type MediaGateway, startMediaGateway } from '../support/media-gateway.ts'

const BOB = '15551110001@c.us'

let rig: MediaGateway
let gateway: MediaGateway['gateway']
let whatsapp: MediaGateway['whatsapp']

beforeAll(async () => {
  rig = await startMediaGateway()
  ;({ gateway, whatsapp } = rig)
}, 60_000)
afterAll(() => rig[Symbol.asyncDispose]())

async function linked(name: string, pn: string, proxy: TestProxy) {
  const phone = whatsapp.phone(pn, { name })
  // As large histories are.
  phone.historySync.via = 'file'
  return { id: await rig.link(phone, { name, proxyUrl: proxy.url }), phone }
}

describe('a session with a proxy', () => {
  it.each([
    ['http', '15550000001', () => httpProxy({ user: 'user', password: 'secret' })],
    ['socks4', '15550000002', () => socks4Proxy({ user: 'user' })],
    ['socks5', '15550000003', () => socksProxy({ user: 'user', password: 'secret' })],
  ])('of %s moves its files through it, and none around it', async (type, pn, make) => {
    await using proxy = await make()
    const before = whatsapp.media.connections
    const { id, phone } = await linked(`by-${type}`, pn, proxy)
    const bob = whatsapp.contact('15551110001', { name: 'Bob' })
    const bytes = randomBytes(40_000)
    const media = (messageId: string) =>
      fetch(`${gateway.url}/api/sessions/${id}/messages/${BOB}/${messageId}/media`, {
        headers: { 'X-API-Key': gateway.key },
      })
    const { id: incoming } = await bob.write({ image: bytes }, { to: phone })
    const served = await until(
      () => media(incoming),
      ({ status }) => status === 200,
    )
    expect(Buffer.from(await served.arrayBuffer()).equals(bytes)).toBe(true)
    const send = (body: object) =>
      gateway.ask('POST', `/sessions/${id}/messages/send-image`, { chatId: BOB, ...body })
    const sent = await send({ base64: bytes.toString('base64'), mimetype: 'image/png' })
    expect(sent.status).toBe(201)
    const { message } = await bob.next(each => each.id === sent.body.messageId)
    expect(whatsapp.media.open(message).equals(bytes)).toBe(true)
    // What a client names goes through it as well, after it was judged here.
    const { url } = whatsapp.media.put(bytes)
    expect((await send({ url, mimetype: 'image/png' })).status).toBe(201)
    const tunnels = proxy.targets.filter(target => target === whatsapp.media.host)
    expect(tunnels.length).toBeGreaterThanOrEqual(3)
    // Baileys looks for files of history at the host that it knows, and asks the proxy for it.
    expect(proxy.targets).toContain('mmg.whatsapp.net:443')
    expect(whatsapp.media.connections - before).toBe(tunnels.length)
    // Without its proxy it moves nothing, and says so.
    await proxy[Symbol.asyncDispose]()
    const refused = await send({ url, mimetype: 'image/png' })
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(whatsapp.media.connections - before).toBe(tunnels.length)
    await gateway.ask('POST', `/sessions/${id}/stop`)
  })
})
