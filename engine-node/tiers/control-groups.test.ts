// The protocol of files, on a folder that is none of the kernel's: few machines that run tests let them make groups.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../clock.ts'
import { createControlGroups } from './control-groups.ts'
import { probeControlGroups } from './probe-control-groups.ts'

let folder = ''
let proc = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-groups-'))
  proc = join(folder, 'proc')
  await mkdir(join(proc, 'self'), { recursive: true })
})
afterEach(() => rm(folder, { recursive: true }))

/** One that does not let anybody wait. */
const clock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  after(_ms, run) {
    const soon = setImmediate(run)
    return () => clearImmediate(soon)
  },
}
const probe = (wish: string) =>
  probeControlGroups({ wish, nodePath: process.execPath, shell: '/bin/sh', clock, proc })

/** Files as the kernel shows them for a group with these processes in it. */
async function makeGroup({ controllers = 'cpuset cpu io memory pids', procs = '' } = {}): Promise<string> {
  const group = join(folder, 'fs', 'wharf.service')
  await mkdir(group, { recursive: true })
  await writeFile(join(group, 'cgroup.controllers'), `${controllers}\n`)
  await writeFile(join(group, 'cgroup.procs'), procs)
  return group
}

async function tellOfMount({ path = '/wharf.service', root = '/' } = {}): Promise<void> {
  await writeFile(join(proc, 'self/cgroup'), `1:cpu:/elsewhere\n0::${path}\n`)
  const lines = [
    '22 28 0:21 / /proc rw - proc proc rw',
    `36 25 0:30 ${root} ${join(folder, 'fs')} rw,nosuid shared:9 - cgroup2 cgroup2 rw`,
  ]
  await writeFile(join(proc, 'self/mountinfo'), lines.join('\n'))
}

/** A line of /proc of a process with a name that tries to be more than that. */
async function tellOfProcess(pid: number, parent: number): Promise<void> {
  await mkdir(join(proc, String(pid)), { recursive: true })
  await writeFile(join(proc, String(pid), 'stat'), `${pid} (a) S 7 (b) S ${parent} 1 1`)
}

const text = (...path: string[]) => readFile(join(...path), 'utf8')

describe('the probe of control groups', () => {
  it('takes a group that it is given, empty of processes', async () => {
    const group = await makeGroup()
    // The kernel would take the trial's group away; a folder with files in it stays.
    expect(await probe(group)).toMatchObject({ groups: expect.anything() })
    expect(await text(group, 'cgroup.subtree_control')).toBe('+memory +cpu +pids')
    expect(await text(group, 'wharf-plugins/cgroup.subtree_control')).toBe('+memory +cpu +pids')
    expect(Number(await text(group, 'wharf-plugins/cpu.weight'))).toBeLessThan(100)
    expect(await text(group, `wharf-plugins/${process.pid}-1/cgroup.procs`)).toBe('0\n')
  })

  it('takes its own, and makes room in it with those that started it', async () => {
    await tellOfMount()
    await tellOfProcess(process.pid, 41)
    await tellOfProcess(41, 0)
    const group = await makeGroup({ procs: `41\n${process.pid}\n` })
    expect(await probe('auto')).toMatchObject({ groups: expect.anything() })
    expect(await text(group, 'wharf-gateway/cgroup.procs')).toBe(String(process.pid))
  })

  it('finds its own below the root that a container sees', async () => {
    await tellOfMount({ path: '/docker/abc/wharf.service', root: '/docker/abc' })
    await makeGroup()
    expect(await probe('auto')).toMatchObject({ groups: expect.anything() })
  })

  it.each<[string, string, () => Promise<unknown>]>([
    ['it is off', 'off', async () => {}],
    ['there is no such group', '/nowhere/at/all', async () => {}],
    ['nothing is mounted', 'auto', () => writeFile(join(proc, 'self/cgroup'), '4:memory:/x\n')],
    ['others are in it', 'auto', () => makeGroup({ procs: '1\n' })],
    ['it has no memory to give', 'auto', () => makeGroup({ controllers: 'cpu pids' })],
    ['its own is out of sight', 'auto', () => tellOfMount({ path: '/a', root: '/b' })],
    [
      'its name is taken',
      'auto',
      async () => writeFile(join(await makeGroup(), 'wharf-plugins'), 'not a folder'),
    ],
  ])('says why not where %s', async (_, wish, prepare) => {
    await tellOfMount()
    await prepare()
    expect(await probe(wish)).toMatchObject({ groups: null, why: expect.stringMatching(/.{8}/) })
    expect(existsSync(join(folder, 'fs/wharf.service/cgroup.subtree_control'))).toBe(false)
  })

  it('says no where no process can be started in one', async () => {
    const group = await makeGroup()
    const options = { wish: group, nodePath: '/does/not/exist', shell: '/bin/sh', clock, proc }
    expect(await probeControlGroups(options)).toEqual({
      groups: null,
      why: 'no process can be started in one',
    })
    expect(await probeControlGroups({ ...options, shell: null })).toMatchObject({ groups: null })
  })

  it('removes what a gateway left that was killed, but nothing that is in use', async () => {
    const group = await makeGroup()
    for (const name of ['1-1', '1-2/busy'])
      await mkdir(join(group, 'wharf-plugins', name), { recursive: true })
    await probe(group)
    expect(existsSync(join(group, 'wharf-plugins/1-1'))).toBe(false)
    expect(existsSync(join(group, 'wharf-plugins/1-2'))).toBe(true)
  })
})

describe('the group of a guest', () => {
  const groups = () => createControlGroups({ folder, shell: '/bin/sh', clock })

  it('is bounded above what the watchdog allows', async () => {
    await (await groups().make({ memoryMb: 64 })).ranOut()
    const group = join(folder, `${process.pid}-1`)
    expect(await text(group, 'memory.max')).toBe(String((64 + 48 + 64) * 1_048_576))
    expect(await text(group, 'memory.oom.group')).toBe('1')
    expect(await text(group, 'cpu.max')).toBe('100000 100000')
    expect(await text(group, 'pids.max')).toBe('128')
  })

  it('leaves memory alone where the tier keeps it', async () => {
    await groups().make({ memoryMb: null })
    expect(existsSync(join(folder, `${process.pid}-1`, 'memory.max'))).toBe(false)
    expect(existsSync(join(folder, `${process.pid}-1`, 'pids.max'))).toBe(true)
  })

  it('knows whether memory ran out', async () => {
    const group = await groups().make({ memoryMb: 64 })
    expect(await group.ranOut()).toBe(false)
    const events = join(folder, `${process.pid}-1`, 'memory.events')
    await writeFile(events, 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n')
    expect(await group.ranOut()).toBe(false)
    await writeFile(events, 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n')
    expect(await group.ranOut()).toBe(true)
  })

  it('cannot be made where the kernel refuses', async () => {
    const blocked = createControlGroups({ folder: join(folder, 'missing'), shell: '/bin/sh', clock })
    await expect(blocked.make({ memoryMb: 64 })).rejects.toMatchObject({ code: 'plugin_crashed' })
  })

  it('is entered by the command that becomes the guest', async () => {
    const group = await groups().make({ memoryMb: null })
    const [command = '', ...args] = [
      ...group.enter,
      process.execPath,
      '-p',
      'process.argv[1]',
      'with "quotes"',
    ]
    expect(execFileSync(command, args, { encoding: 'utf8' })).toBe('with "quotes"\n')
    expect(await text(folder, `${process.pid}-1`, 'cgroup.procs')).toBe('0\n')
  })
})
