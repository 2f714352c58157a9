import assert from 'node:assert/strict';
import { test } from 'node:test';
import koffi from 'koffi';
import { EXTENDED_ERROR, layoutFor, SOCKADDR_IN, SOCKADDR_IN6 } from './abi.ts';

test('layoutFor() gives the published sizes of 32-bit ARM and of 64-bit systems', () => {
  const arm = layoutFor('arm');
  const wide = layoutFor('arm64');
  assert.equal(arm.mmsghdr.moved, 28);
  assert.equal(wide.mmsghdr.moved, 56);
  assert.deepEqual([arm.cmsghdr.size, wide.cmsghdr.size], [12, 16]);
  assert.deepEqual([arm.iovec.size, wide.iovec.size], [8, 16]);
  assert.deepEqual([arm.timespec.size, wide.timespec.size], [8, 16]);
});

test("layoutFor() agrees with the C compiler's rules on this machine", () => {
  const layout = layoutFor(process.arch);
  const pointer = koffi.pointer('void');
  const msghdr = koffi.struct({
    name: pointer,
    nameLength: 'uint32_t',
    iov: pointer,
    iovLength: 'size_t',
    control: pointer,
    controlLength: 'size_t',
    flags: 'int',
  });
  const mmsghdr = koffi.struct({ header: msghdr, moved: 'uint32_t' });
  assert.equal(koffi.sizeof(mmsghdr), layout.mmsghdr.size);
  assert.equal(koffi.offsetof(mmsghdr, 'moved'), layout.mmsghdr.moved);
  for (const member of [
    'name',
    'nameLength',
    'iov',
    'iovLength',
    'control',
    'controlLength',
    'flags',
  ] as const) {
    assert.equal(koffi.offsetof(msghdr, member), layout.mmsghdr[member], member);
  }
  const cmsghdr = koffi.struct({ length: 'size_t', level: 'int', type: 'int' });
  assert.equal(koffi.sizeof(cmsghdr), layout.cmsghdr.size);
  assert.equal(koffi.offsetof(cmsghdr, 'type'), layout.cmsghdr.type);
  const program = koffi.struct({ length: 'uint16_t', filter: pointer });
  assert.equal(koffi.sizeof(program), layout.filterProgram.size);
  assert.equal(koffi.offsetof(program, 'filter'), layout.filterProgram.filter);
  const timespec = koffi.struct({ seconds: 'long', nanoseconds: 'long' });
  assert.equal(koffi.sizeof(timespec), layout.timespec.size);
});

test('structs that are the same everywhere have the sizes of the kernel headers', () => {
  assert.deepEqual([SOCKADDR_IN.size, SOCKADDR_IN6.size, EXTENDED_ERROR.size], [16, 28, 16]);
});
