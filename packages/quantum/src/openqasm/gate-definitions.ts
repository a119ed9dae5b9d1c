import type { OpenQasmVersion } from './syntax/source-text.ts';

/**
 * Gates that circuits have and an include file lacks, as the definitions that a written program carries. Those of OpenQASM 3 are
 * exact; those of OpenQASM 2, which has no global phase, are exact up to one. A program that defines one of these word for word
 * means the circuit's own gate.
 */
export const GATE_DEFINITIONS: Readonly<Record<OpenQasmVersion, Readonly<Record<string, string>>>> = {
  2: {
    r: 'gate r(theta,phi) q { u(theta,phi-pi/2,pi/2-phi) q; }',
    cs: 'gate cs a,b { cp(pi/2) a,b; }',
    csdg: 'gate csdg a,b { cp(-pi/2) a,b; }',
    ccz: 'gate ccz a,b,c { h c; ccx a,b,c; h c; }',
    dcx: 'gate dcx a,b { cx a,b; cx b,a; }',
    iswap: 'gate iswap a,b { s a; s b; h a; cx a,b; cx b,a; h b; }',
    ecr: 'gate ecr a,b { s a; sx b; cx a,b; x a; }',
    ryy: 'gate ryy(theta) a,b { rx(pi/2) a; rx(pi/2) b; cx a,b; rz(theta) b; cx a,b; rx(-pi/2) a; rx(-pi/2) b; }',
    rzx: 'gate rzx(theta) a,b { h b; cx a,b; rz(theta) b; cx a,b; h b; }',
    xx_plus_yy:
      'gate xx_plus_yy(theta,beta) a,b { p(-beta) b; cx a,b; rx(theta/2) a; cz a,b; rx(-theta/2) a; cz a,b; cx a,b; p(beta) b; }',
    xx_minus_yy:
      'gate xx_minus_yy(theta,beta) a,b { x b; p(beta) b; cx a,b; rx(theta/2) a; cz a,b; rx(-theta/2) a; cz a,b; cx a,b; p(-beta) b; x b; }',
    single_excitation:
      'gate single_excitation(theta) a,b { cx a,b; ry(theta/2) a; cz a,b; ry(-theta/2) a; cz a,b; cx a,b; }',
    double_excitation:
      'gate double_excitation(theta) a,b,c,d { cx c,d; cx a,b; cx a,c; x b; x d; ry(theta/2) a; h a; c3x b,c,d,a; h a; ry(-theta/2) a; h a; c3x b,c,d,a; h a; x b; x d; cx a,c; cx a,b; cx c,d; }',
  },
  3: {
    u: 'gate u(theta, phi, lambda) q { U(theta, phi, lambda) q; gphase(-theta / 2); }',
    sxdg: 'gate sxdg q { inv @ sx q; }',
    r: 'gate r(theta, phi) q { U(theta, phi - pi / 2, pi / 2 - phi) q; gphase(-theta / 2); }',
    cs: 'gate cs a, b { ctrl @ s a, b; }',
    csdg: 'gate csdg a, b { ctrl @ sdg a, b; }',
    csx: 'gate csx a, b { ctrl @ sx a, b; }',
    cu3: 'gate cu3(theta, phi, lambda) a, b { cu(theta, phi, lambda, 0) a, b; }',
    ccz: 'gate ccz a, b, c { ctrl(2) @ z a, b, c; }',
    c3x: 'gate c3x a, b, c, d { ctrl(3) @ x a, b, c, d; }',
    c3sx: 'gate c3sx a, b, c, d { ctrl(3) @ sx a, b, c, d; }',
    c4x: 'gate c4x a, b, c, d, e { ctrl(4) @ x a, b, c, d, e; }',
    dcx: 'gate dcx a, b { cx a, b; cx b, a; }',
    iswap: 'gate iswap a, b { s a; s b; cz a, b; swap a, b; }',
    ecr: 'gate ecr a, b { gphase(-pi / 4); s a; sx b; cx a, b; x a; }',
    rxx: 'gate rxx(theta) a, b { h a; h b; cx a, b; rz(theta) b; cx a, b; h a; h b; }',
    ryy: 'gate ryy(theta) a, b { sx a; sx b; cx a, b; rz(theta) b; cx a, b; inv @ sx a; inv @ sx b; }',
    rzz: 'gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }',
    rzx: 'gate rzx(theta) a, b { h b; cx a, b; rz(theta) b; cx a, b; h b; }',
    xx_plus_yy:
      'gate xx_plus_yy(theta, beta) a, b { p(-beta) b; cx a, b; crx(theta) b, a; cx a, b; p(beta) b; }',
    xx_minus_yy:
      'gate xx_minus_yy(theta, beta) a, b { x b; p(beta) b; cx a, b; crx(theta) b, a; cx a, b; p(-beta) b; x b; }',
    single_excitation: 'gate single_excitation(theta) a, b { cx a, b; cry(theta) b, a; cx a, b; }',
    double_excitation:
      'gate double_excitation(theta) a, b, c, d { cx c, d; cx a, b; cx a, c; negctrl @ ctrl @ negctrl @ ry(theta) b, c, d, a; cx a, c; cx a, b; cx c, d; }',
    rccx: 'gate rccx a, b, c { h c; t c; cx b, c; tdg c; cx a, c; t c; cx b, c; tdg c; h c; }',
    rcccx:
      'gate rcccx a, b, c, d { h d; t d; cx c, d; tdg d; h d; cx a, d; t d; cx b, d; tdg d; cx a, d; t d; cx b, d; tdg d; h d; t d; cx c, d; tdg d; h d; }',
  },
};
