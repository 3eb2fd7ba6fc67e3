// Connects as the gateway does, and trusts one more certificate authority: that of an emulated host.
import { once } from 'node:events'
import { connect } from 'node:tls'
import { type Dial, dialAddress } from '../../engine-node/net/dial.ts'

/** `ca` is PEM. */
export const trustingDial =
  (ca: string): Dial =>
  async target => {
    if (!target.tls) return dialAddress(target)
    const socket = connect({ host: target.address, port: target.port, ca, ALPNProtocols: ['http/1.1'] })
    await once(socket, 'secureConnect', { signal: target.signal })
    socket.on('error', () => {})
    return { socket, remoteAddress: socket.remoteAddress ?? '' }
  }
