probe({
  dlopen: () => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6') ?? 'loaded',
  'addon of the package': () => load('./addon.node'),
  'addon of the gateway': () => load(`${canary.root}/node_modules/isolated-vm/out/isolated_vm.node`),
  ffi: () => process.getBuiltinModule('node:ffi').dlopen('libc.so.6'),
  wasm: () => WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) && null,
})
