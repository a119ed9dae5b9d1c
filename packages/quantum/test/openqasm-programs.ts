/** @file Programs that use every construct of OpenQASM 2 and 3, for damage and for round trips. */

export const OPENQASM2_PROGRAMS: readonly string[] = [
  `OPENQASM 2.0;
include "qelib1.inc";
gate inner(a,b) p,q { rx(a/2) p; cx p,q; rz(-b^2) q; barrier p,q; }
gate outer(x) p,q,r { inner(x,2*x) r,p; u3(pi/2,-x,sin(x)) q; }
opaque magic(alpha) a,b;
qreg q[3]; qreg r[2]; creg c[3]; creg d[2];
h q; outer(0.5) q[0],q[1],q[2]; cx q[0],r;
barrier q,r[1]; measure q -> c; if (c==5) x r[0];
reset r[1]; if (d==1) measure r[0] -> d[1];
measure r[0] -> d[0];`,
  `qreg a[4]; creg m[4];
include "qelib1.inc";
gate majority a,b,c { cx c,b; cx c,a; ccx a,b,c; } // comment
majority a[0],a[1],a[2]; /* block */ cu3(pi/4,1e-3,.5) a[0],a[3];
ccx a[1],a[2],a[3]; rzz(ln(2)+sqrt(3)) a[0],a[1]; u2(0,pi) a; measure a->m;`,
];

export const OPENQASM3_PROGRAMS: readonly string[] = [
  `OPENQASM 3.1;
include "stdgates.inc";
const uint[8] n = 3; const float half = 1 / 2.0;
input float theta; input angle[16] phi;
gate prepare(t) a, b { ry(t) a; ctrl @ pow(1/2) @ x a, b; gphase(-t/4); inv @ s b; }
def parity(qubit[3] d, qubit a, int[8] k) -> bit {
  bit out;
  for uint i in [0:2] { if (k != i) cx d[i], a; }
  out = measure a;
  reset a;
  return out;
}
qubit[n] q; qubit anc; bit[n] c = "010"; bit p; output int[16] total;
let pair = q[0:1] ++ anc;
h q; prepare(theta * half) q[0], q[2]; negctrl(2) @ ry(phi) q[0], q[1], q[2];
p = parity(q, anc, 1);
if (p == 1) { x q[0]; total += 2; } else { barrier pair; total -= 1; }
while (c != 0) { c = measure q; if (c[0]) { break; } reset q; }
for int i in {1, 2, -3} { rz(i * pi / 4) q[0]; if (i == 2) continue; total = total + i; }
switch (total) { case 0, 1 { x q[1]; } case 5 { z q[1]; } default { y q[1]; } }
box { delay[100ns] q[0]; h q[0]; }
delay[2 * 10us + 1ms] anc;`,
  `include "stdgates.inc";
array[int[32], 2, 3] grid = {{1, 2, 3}, {4, 5, 6}};
def add(mutable array[int[32], #dim=2] a, int[32] by) -> int[32] {
  int[32] sum = 0;
  for int i in [0:sizeof(a, 0) - 1] { for int j in [0:sizeof(a, 1) - 1] { a[i, j] += by; sum += a[i, j]; } }
  return sum;
}
qubit[4] q; bit[4] c; bool flag = false; uint[4] mask = 0b1010; float[32] f = 1.5e-3; angle[8] turn = pi / 2;
int[32] s = add(grid, 2);
if (s > 20 && !flag) { ctrl(2) @ x q[0], q[1], q[2]; }
mask <<= 1; mask[0] = 1; mask ^= 0x3; f = f ** 2 + arccos(0.25) - mod(7, 4);
for uint i in [3:-1:0] { if (mask[i]) { U(pi / 2, 0, pi) q[i]; } }
rz(turn) q[0]; turn = turn + turn; p(turn) q[-1];
measure q[0:1] -> c[0:1]; c[2] = c[0] & c[1] | c[3];
uint[4] late = uint[4](c); rx(late * 0.25) q[3];
while (late > 2) { late -= 1; if (bool(late[0])) { h q[0]; continue; } c[1] = measure q[1]; if (c[1]) break; }
cx q[0], q[{1, 2}]; cphase(π / 4) q[0], q[1]; u3(0.1, 0.2, 0.3) q; nop q; end;`,
  `OPENQASM 3;
@note kept in the syntax tree
qubit $x;
`,
  `pragma vendor something
defcalgrammar "openpulse";
cal { frame f = {1, 2}; }
defcal rz(angle[20] theta) q -> bit { shift_phase drive(q), -theta; }
extern vote(bit[3], int[8]) -> bit;
stretch g; duration d = durationof({ x $0; }) + 3ns;
complex[float[64]] z = 2.0 + 3.5 im;`,
];
