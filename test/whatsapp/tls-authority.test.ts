import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { createTlsAuthority } from './tls-authority.ts'

it('makes a certificate for loopback that its authority has signed, and no other', () => {
  const authority = createTlsAuthority()
  const ca = new X509Certificate(authority.ca)
  const cert = new X509Certificate(authority.cert)
  expect([ca.ca, cert.ca]).toEqual([true, false])
  expect(cert.checkIssued(ca)).toBe(true)
  expect(cert.verify(ca.publicKey)).toBe(true)
  expect(cert.checkPrivateKey(createPrivateKey(authority.key))).toBe(true)
  expect([cert.checkIP('127.0.0.1'), cert.checkHost('localhost'), cert.checkIP('127.0.0.2')]).toEqual([
    '127.0.0.1',
    'localhost',
    undefined,
  ])
  expect(cert.validFromDate.getTime()).toBeLessThan(Date.now())
  expect(cert.validToDate.getTime()).toBeGreaterThan(Date.now())
  expect(cert.verify(new X509Certificate(createTlsAuthority().ca).publicKey)).toBe(false)
})
