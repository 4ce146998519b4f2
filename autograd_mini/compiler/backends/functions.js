// The primitives that JavaScript's Math lacks, or has otherwise than IEEE-754 and Python.

/** C's pow: Math.pow gives NaN for 1**NaN and (-1)**Infinity. */
export function pow_(x, y) {
  const isOne = x === 1 || (x === -1 && (y === Infinity || y === -Infinity));
  return isOne ? 1 : x ** y;
}

export function sum_(...x) {
  return x.length ? x.reduce((s, t) => s + t) : 0;
}

export function sum_partials(_y, x) {
  return x.map(() => 1);
}

export function dot_(...x) {
  const half = x.length / 2;
  return sum_(...x.slice(0, half).map((t, i) => t * x[half + i]));
}

export function dot_partials(_y, x) {
  return [...x.slice(x.length / 2), ...x.slice(0, x.length / 2)];
}

/** t*t and what its rounding loses (Dekker). */
export function squared(t) {
  const high = 134217729 * t - (134217729 * t - t);
  const low = t - high;
  return [t * t, high * high - t * t + 2 * high * low + low * low];
}

/** Math.hypot, with one step of Newton's that knows what the rounding of each square loses. */
export function hypot_(...x) {
  const h = Math.hypot(...x);
  if (!(h > 1e-290 && h < 1e290)) return h;
  const scale = 2 ** -Math.floor(Math.log2(h));
  const [whole, rest] = squared(h * scale);
  let total = -whole;
  let lost = -rest;
  for (const t of x) {
    const [square, low] = squared(t * scale);
    const sum = total + square;
    const back = sum - total;
    lost += total - (sum - back) + (square - back) + low;
    total = sum;
  }
  return h + (total + lost) / (2 * h * scale) / scale;
}

export function hypot_partials(h, x) {
  return x.map((t) => (h === 0 ? 0 : t / h));
}

/** The largest operand stands for itself, the others are the rest. */
export function logsumexp_(...x) {
  const m = largest(x);
  const equals = x.reduce((n, t) => n + (t === m), -1);
  return m + Math.log1p(x.reduce((s, t) => s + (t === m ? 0 : Math.exp(t - m)), equals));
}

/** The softmax; what rounding x - m has lost is put back. */
export function logsumexp_partials(_y, x) {
  const m = largest(x);
  const exponentials = x.map((t) => {
    const d = t - m;
    const back = t - d;
    const lost = t - (d + back) + (back - m);
    const e = Math.exp(d);
    return e + (Math.abs(lost) < Infinity ? lost : 0) * e;
  });
  const total = sum_(...exponentials);
  return exponentials.map((e) => e / total);
}

export function largest(x) {
  return x.reduce((m, t) => (t < m ? m : m === m ? t : m), -Infinity);
}

/** exp(-x*x), x split into a half whose square is exact and the rest. */
export function gaussian(x) {
  const high = 134217729 * x - (134217729 * x - x);
  return Math.exp(-(high * high)) * Math.exp((high - x) * (high + x));
}

/** A sum of positive terms near 0 (Abramowitz and Stegun, 7.1.6), 1 - erfc beyond. */
export function erf_(x) {
  const a = Math.abs(x);
  if (!(a < 1)) return a > 6 ? Math.sign(x) : Math.sign(x) * (1 - erfc_(a));
  if (a < 1e-9) return x + 0.1283791670955126 * x;
  let series = 0;
  for (let k = 20; k > 0; k--) series = ((2 * x * x) / (2 * k + 1)) * (1 + series);
  const rest = (series + Math.expm1(-x * x) * (1 + series)) * 1.1283791670955126;
  return x + x * (rest + 0.1283791670955126);
}

/** A continued fraction (Abramowitz and Stegun, 7.1.14), from its end. */
export function erfc_(x) {
  if (x < 0.5) return 1 - erf_(x);
  if (!(x < 28)) return x >= 28 ? 0 : NaN;
  let tail = 0;
  for (let k = Math.ceil(20 + 200 / (x * x)); k > 0; k--) tail = k / 2 / (x + tail);
  return (gaussian(x) * 0.5641895835477563) / (x + tail);
}

const LANCZOS_G = 6.02468004077673;
const LANCZOS = [
  [2.5066282746310002, 1],
  [210.82427775157936, 66],
  [8071.672002365816, 1925],
  [186056.2653952235, 32670],
  [2876370.6289353725, 357423],
  [31426415.585400194, 2637558],
  [248874557.86205417, 13339535],
  [1439720407.3117216, 45995730],
  [6039542586.352028, 105258076],
  [17921034426.03721, 150917976],
  [35711959237.35567, 120543840],
  [42919803642.6491, 39916800],
  [23531376880.41076, 0],
];

/** Lanczos's rational function; in 1/x where x is large. */
export function lanczos(x) {
  let above = 0;
  let below = 0;
  for (const [numerator, denominator] of x < 5 ? LANCZOS : [...LANCZOS].reverse()) {
    above = (x < 5 ? above * x : above / x) + numerator;
    below = (x < 5 ? below * x : below / x) + denominator;
  }
  return above / below;
}

/** sin(pi*x), x brought near 0 before pi comes in. */
export function sinPi(x) {
  const y = Math.abs(x) % 2;
  const half = Math.round(2 * y);
  const sine =
    half === 0
      ? Math.sin(Math.PI * y)
      : half === 1
        ? Math.cos(Math.PI * (y - 0.5))
        : half === 2
          ? Math.sin(Math.PI * (1 - y))
          : half === 3
            ? -Math.cos(Math.PI * (y - 1.5))
            : Math.sin(Math.PI * (y - 2));
  return Math.sign(x) * sine;
}

export function gamma_(x) {
  if (x === 0) return 1 / x;
  if (x === -Infinity) return NaN;
  if (x === Math.floor(x)) {
    if (x < 0) return NaN;
    if (x <= 23) {
      let product = 1;
      for (let k = 2; k < x; k++) product *= k;
      return product;
    }
  }
  const a = Math.abs(x);
  if (a < 1e-20) return 1 / x;
  if (a > 200) return x < 0 ? 0 / sinPi(x) : x * Infinity;
  const shift = LANCZOS_G - 0.5;
  const y = a + shift;
  const lost = a > shift ? y - a - shift : y - shift - a;
  const z = (lost * LANCZOS_G) / y;
  const root = a < 140 ? 0 : y ** (a / 2 - 0.25);
  if (x < 0) {
    let r = ((-Math.PI / sinPi(a) / a) * Math.exp(y)) / lanczos(a);
    r -= z * r;
    return root ? r / root / root : r / y ** (a - 0.5);
  }
  let r = lanczos(a) / Math.exp(y);
  r += z * r;
  return root ? r * root * root : r * y ** (a - 0.5);
}

let LGAMMA_SERIES = null;

/** Near 1 and 2 the series there (Abramowitz and Stegun, 6.1.33); Lanczos elsewhere. */
export function lgamma_(x) {
  if (x >= 0.5 && x <= 3) {
    LGAMMA_SERIES ??= Array.from({ length: 49 }, (_, i) => ((i % 2 ? -1 : 1) * zeta(50 - i, 2)) / (50 - i));
    const t = x > 1.5 ? x - 2 : x - 1;
    const series = t * (LGAMMA_SERIES.reduce((s, c) => s * t + c, 0) * t + 0.42278433509846713);
    return x > 1.5 ? series : series - Math.log1p(t);
  }
  const a = Math.abs(x);
  if (a === Infinity || (x === Math.floor(x) && x <= 0)) return Infinity;
  if (a < 1e-20) return -Math.log(a);
  const r = Math.log(lanczos(a)) - LANCZOS_G + (a - 0.5) * (Math.log(a + LANCZOS_G - 0.5) - 1);
  return x < 0 ? 1.1447298858494002 - Math.log(Math.abs(sinPi(a))) - Math.log(a) - r : r;
}

const BERNOULLI = [
  1 / 6,
  -1 / 30,
  1 / 42,
  -1 / 30,
  5 / 66,
  -691 / 2730,
  7 / 6,
  -3617 / 510,
  43867 / 798,
  -174611 / 330,
  854513 / 138,
  -236364091 / 2730,
];

/** Hurwitz's zeta function by Euler and Maclaurin; s > 1, x > 0. */
export function zeta(s, x) {
  let total = 0;
  let t = x;
  for (; t < 9 + s; t += 1) total += t ** -s;
  let tail = 1 / (s - 1) + 0.5 / t;
  let factor = s / t / t;
  let factorial = 2;
  BERNOULLI.forEach((bernoulli, k) => {
    tail += (bernoulli / factorial) * factor;
    factor *= ((s + 2 * k + 1) / t) * ((s + 2 * k + 2) / t);
    factorial *= (2 * k + 3) * (2 * k + 4);
  });
  return total + t ** (1 - s) * tail;
}

/** (-1)**(n+1) n! zeta(n+1, x) for x > 0, by reflection below. */
export function polygamma_(n, x) {
  if (!(n >= 0 && n <= 170 && n === Math.floor(n) && x === x)) return NaN;
  if (n === 0) return digamma_(x);
  const even = n % 2 === 0 ? -1 : 1;
  if (x <= 0 && x === Math.floor(x)) {
    return x ? NaN : even > 0 ? Infinity : 1 / x < 0 ? Infinity : -Infinity;
  }
  if (x < 0) {
    // A polynomial in t = cot(pi*x), since t' = -pi*(1 + t*t).
    const t = 1 / Math.tan(Math.PI * (x - round_(x)));
    let p = [0, 1];
    for (let i = 0; i < n; i++) {
      const slope = p.map((c, k) => k * c).slice(1);
      p = Array.from({ length: p.length + 1 }, (_, k) => -(slope[k] ?? 0) - (k > 1 ? slope[k - 2] : 0));
    }
    const cotangent = p.reduceRight((s, c) => s * t + c, 0);
    return -even * polygamma_(n, 1 - x) - Math.PI ** (n + 1) * cotangent;
  }
  return even * gamma_(n + 1) * zeta(n + 1, x);
}
