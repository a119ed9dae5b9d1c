import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';

/** @throws CapabilityUnavailableError where `QEDGE_NATIVE=0` forbids machine code, InvalidArgumentError for a value that is not known. */
export function assertNativeAllowed(): void {
  const value = process.env.QEDGE_NATIVE;
  if (value === undefined || value === '' || value === '1') return;
  if (value === '0') {
    throw new CapabilityUnavailableError('QEDGE_NATIVE=0 forbids machine code', {
      remedy: 'Unset QEDGE_NATIVE to allow it',
    });
  }
  throw new InvalidArgumentError('QEDGE_NATIVE has a value that is not known', {
    expected: '0 or 1',
    actual: value,
  });
}
