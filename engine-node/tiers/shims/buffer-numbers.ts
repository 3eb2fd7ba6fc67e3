// The numbers in a Buffer: readUInt16LE and its fifty sisters, made from a table.

type Getter = 'getUint8' | 'getInt8' | 'getUint16' | 'getInt16' | 'getUint32' | 'getInt32'
type Kind = { name: string; alias?: string; bytes: number; method: string }

const kinds: readonly Kind[] = [
  { name: 'UInt8', alias: 'Uint8', bytes: 1, method: 'Uint8' },
  { name: 'Int8', bytes: 1, method: 'Int8' },
  { name: 'UInt16', alias: 'Uint16', bytes: 2, method: 'Uint16' },
  { name: 'Int16', bytes: 2, method: 'Int16' },
  { name: 'UInt32', alias: 'Uint32', bytes: 4, method: 'Uint32' },
  { name: 'Int32', bytes: 4, method: 'Int32' },
  { name: 'BigUInt64', alias: 'BigUint64', bytes: 8, method: 'BigUint64' },
  { name: 'BigInt64', bytes: 8, method: 'BigInt64' },
  { name: 'Float', bytes: 4, method: 'Float32' },
  { name: 'Double', bytes: 8, method: 'Float64' },
]

/** Largest number of bytes in readUIntLE and its like: what a double holds exactly. */
const MAX_BYTES = 6

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function assertInside(bytes: Uint8Array, offset: number, size: number): void {
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= bytes.length) return
  throw Object.assign(new RangeError(`The value of "offset" is out of range. Received ${offset}`), {
    code: 'ERR_OUT_OF_RANGE',
  })
}

function assertFits(value: number | bigint, from: number | bigint, to: number | bigint): void {
  if (value >= from && value <= to) return
  throw Object.assign(new RangeError(`The value of "value" is out of range. Received ${value}`), {
    code: 'ERR_OUT_OF_RANGE',
  })
}

/** Bounds of a whole number of so many bytes; null for fractions, where everything fits. */
function boundsOf({ name, bytes }: Kind): [number | bigint, number | bigint] | null {
  if (name === 'Float' || name === 'Double') return null
  const signed = !name.includes('UInt')
  const bits = BigInt(bytes * 8)
  const [from, to] = signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
  return bytes === 8 ? [from, to] : [Number(from), Number(to)]
}

/** Defines every method on the prototype, under both spellings. */
export function defineNumbers(prototype: Uint8Array): void {
  const define = (name: string, value: (...args: never[]) => unknown) =>
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true })

  for (const kind of kinds)
    for (const order of kind.bytes === 1 ? [''] : ['LE', 'BE']) {
      const bounds = boundsOf(kind)
      const little = order === 'LE'
      const read = function (this: Uint8Array, offset = 0) {
        assertInside(this, offset, kind.bytes)
        return viewOf(this)[`get${kind.method}` as Getter](offset, little)
      }
      const write = function (this: Uint8Array, value: number, offset = 0) {
        if (bounds !== null) assertFits(value, ...bounds)
        assertInside(this, offset, kind.bytes)
        viewOf(this)[`set${kind.method}` as 'setUint16'](offset, value, little)
        return offset + kind.bytes
      }
      for (const name of [kind.name, ...(kind.alias === undefined ? [] : [kind.alias])]) {
        define(`read${name}${order}`, read)
        define(`write${name}${order}`, write)
      }
    }

  for (const signed of [false, true])
    for (const order of ['LE', 'BE']) {
      const at = (offset: number, size: number, index: number) =>
        order === 'LE' ? offset + index : offset + size - 1 - index
      const read = function (this: Uint8Array, offset: number, size: number) {
        assertFits(size, 1, MAX_BYTES)
        assertInside(this, offset, size)
        let value = 0
        for (let index = 0; index < size; index += 1)
          value += this[at(offset, size, index)]! * 2 ** (8 * index)
        return signed && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value
      }
      const write = function (this: Uint8Array, value: number, offset: number, size: number) {
        assertFits(size, 1, MAX_BYTES)
        assertFits(value, signed ? -(2 ** (8 * size - 1)) : 0, 2 ** (8 * size - (signed ? 1 : 0)) - 1)
        assertInside(this, offset, size)
        const whole = BigInt(value)
        for (let index = 0; index < size; index += 1)
          this[at(offset, size, index)] = Number((whole >> BigInt(8 * index)) & 0xffn)
        return offset + size
      }
      for (const name of signed ? ['Int'] : ['UInt', 'Uint']) {
        define(`read${name}${order}`, read)
        define(`write${name}${order}`, write)
      }
    }
}
