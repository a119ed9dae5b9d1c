/**
 * @file The gates of `qelib1.inc` that circuits do not hold themselves, as definitions in terms of those they do.
 * Gates agree with the standard include up to a global phase.
 */

/** Names of the include (and OpenQASM's built-in U and CX) that are a circuit's own gate under another name. */
export const QELIB1_ALIASES: Readonly<Record<string, string>> = {
  U: 'u',
  CX: 'cx',
  u3: 'u',
  u1: 'p',
  cu1: 'cp',
};

/** Names of the include that are a circuit's own gates. */
export const QELIB1_NATIVE: ReadonlySet<string> = new Set([
  ...['id', 'x', 'y', 'z', 'h', 's', 'sdg', 't', 'tdg', 'sx', 'sxdg', 'p', 'rx', 'ry', 'rz', 'u'],
  ...['cx', 'cy', 'cz', 'ch', 'cp', 'crx', 'cry', 'crz', 'swap', 'rxx', 'rzz', 'ccx', 'cswap'],
]);

export const QELIB1_DEFINITIONS = `
gate u2(phi,lambda) q { u(pi/2,phi,lambda) q; }
gate u0(gamma) q { id q; }
gate csx a,b { h b; cp(pi/2) a,b; h b; }
gate cu3(theta,phi,lambda) c,t {
  p((lambda+phi)/2) c; p((lambda-phi)/2) t; cx c,t; u(-theta/2,0,-(phi+lambda)/2) t; cx c,t; u(theta/2,phi,0) t; }
gate cu(theta,phi,lambda,gamma) c,t { p(gamma) c; cu3(theta,phi,lambda) c,t; }
gate rccx a,b,c {
  u2(0,pi) c; p(pi/4) c; cx b,c; p(-pi/4) c; cx a,c; p(pi/4) c; cx b,c; p(-pi/4) c; u2(0,pi) c; }
gate rc3x a,b,c,d {
  u2(0,pi) d; p(pi/4) d; cx c,d; p(-pi/4) d; u2(0,pi) d; cx a,d; p(pi/4) d; cx b,d; p(-pi/4) d; cx a,d;
  p(pi/4) d; cx b,d; p(-pi/4) d; u2(0,pi) d; p(pi/4) d; cx c,d; p(-pi/4) d; u2(0,pi) d; }
gate c3x a,b,c,d {
  h d; p(pi/8) a; p(pi/8) b; p(pi/8) c; p(pi/8) d; cx a,b; p(-pi/8) b; cx a,b; cx b,c; p(-pi/8) c; cx a,c;
  p(pi/8) c; cx b,c; p(-pi/8) c; cx a,c; cx c,d; p(-pi/8) d; cx b,d; p(pi/8) d; cx c,d; p(-pi/8) d; cx a,d;
  p(pi/8) d; cx c,d; p(-pi/8) d; cx b,d; p(pi/8) d; cx c,d; p(-pi/8) d; cx a,d; h d; }
gate c3sqrtx a,b,c,d {
  h d; cp(pi/8) a,d; h d; cx a,b; h d; cp(-pi/8) b,d; h d; cx a,b; h d; cp(pi/8) b,d; h d; cx b,c; h d;
  cp(-pi/8) c,d; h d; cx a,c; h d; cp(pi/8) c,d; h d; cx b,c; h d; cp(-pi/8) c,d; h d; cx a,c; h d;
  cp(pi/8) c,d; h d; }
gate c3sx a,b,c,d { c3sqrtx a,b,c,d; }
gate c4x a,b,c,d,e {
  h e; cp(pi/2) d,e; h e; c3x a,b,c,d; h e; cp(-pi/2) d,e; h e; c3x a,b,c,d; c3sqrtx a,b,c,e; }
`;

/** Gates outside `qelib1.inc`, as the definitions that a written program must carry. */
export const EXPORT_DEFINITIONS: Readonly<Record<string, string>> = {
  ryy: 'gate ryy(theta) a,b { rx(pi/2) a; rx(pi/2) b; cx a,b; rz(theta) b; cx a,b; rx(-pi/2) a; rx(-pi/2) b; }',
  iswap: 'gate iswap a,b { s a; s b; h a; cx a,b; cx b,a; h b; }',
  ecr: 'gate ecr a,b { s a; sx b; cx a,b; x a; }',
};
