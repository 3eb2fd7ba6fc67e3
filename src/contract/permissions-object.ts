// `permissions` as an object, as other hosts write it: the same asks in other words. Read into the fields that Wharf has, so
// that nothing behind the manifest knows of two forms.

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const known = ['memory', 'cpu', 'filesystem', 'network', 'env', 'envVars', 'nativeModules', 'allowedModules']

/** The manifest with such an object replaced; any other is given back as it is. Values are not judged here. */
export function readPermissionsObject(manifest: Record<string, unknown>): Record<string, unknown> {
  const { permissions } = manifest
  // An object with none of these words is no such form, and is refused as any other shape.
  if (!isRecord(permissions) || !known.some(name => Object.hasOwn(permissions, name))) return manifest
  const { memory, cpu, filesystem, network, env, envVars, nativeModules, allowedModules } = permissions
  const { allowlist, blocklist } = isRecord(network) ? network : {}
  const filled = (value: unknown) => value !== undefined && value !== null
  const net = {
    ...(filled(allowlist) && { allow: allowlist }),
    ...(filled(blocklist) && { deny: blocklist }),
  }
  const limits = { ...(filled(memory) && { memoryMb: memory }), ...(filled(cpu) && { cpuMs: cpu }) }
  return {
    // What stands in Wharf's own fields counts more.
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(filled(filesystem) && { filesystem }),
    ...(Object.keys(net).length > 0 && { net }),
    // Names alone give nothing, and the flag alone names nothing.
    ...(env === true && filled(envVars) && { env: envVars }),
    ...(nativeModules === true && filled(allowedModules) && { modules: allowedModules }),
    ...manifest,
    permissions: [
      ...(filled(allowlist) ? ['net:fetch'] : []),
      // Unknown to the list of permissions too, so that they are refused by name. `//` begins a comment.
      ...Object.keys(permissions).filter(name => !known.includes(name) && !name.startsWith('//')),
    ],
  }
}
