"""The works of `natural` by hand in C, value and gradient: as one writes them, and over vectors.

The vectors are GCC's own. `lanes(exp, v)` calls the C library's function for each lane, as a program of
ours does at one point; with ``libmvec=True`` a text calls the library of vector functions in its place.
"""

from racing import LANES, VECTOR

HEAD = f"""
#include <math.h>
#include <string.h>
enum {{ W = {LANES} }};
typedef double V __attribute__((vector_size(8 * W)));
typedef long I __attribute__((vector_size(8 * W)));
static inline V at(const double *x) {{ V v; memcpy(&v, x, sizeof v); return v; }}
static inline void put(double *x, V v) {{ memcpy(x, &v, sizeof v); }}
static inline double sum(V v) {{ double s = 0; for (int k = 0; k < W; k++) s += v[k]; return s; }}
static inline V pick(I m, V v) {{ return (V)(m & (I)v); }}
static inline V lanes(double f(double), V v) {{ for (int k = 0; k < W; k++) v[k] = f(v[k]); return v; }}
"""


def over_vectors(text, libmvec=False):
    """The text with what it needs of vectors, and EXP, LOG and TANH by the lane or by libmvec."""
    names = ("exp", "log", "tanh")
    if libmvec:
        calls = "".join(f"V {VECTOR}_{f}(V);\n#define {f.upper()}(v) {VECTOR}_{f}(v)\n" for f in names)
    else:
        calls = "".join(f"#define {f.upper()}(v) lanes({f}, v)\n" for f in names)
    return HEAD + calls + text


def numbers(name, values):
    """Data as a constant of the text."""
    return f"static const double {name}[] = {{{', '.join(map(repr, values))}}};\n"


MLP = """
#include <string.h>
enum { ROWS = %d, H = %d, P1 = 3*H, P2 = P1 + H*(H+1), P = P2 + H + 1 };
void step(const double *p, const double *x0, const double *x1, const double *y, double *value, double *g) {
  const double *w1 = p, *w2 = p + P1, *w3 = p + P2;
  double loss = 0; memset(g, 0, P * sizeof(double));
  for (int r = 0; r < ROWS; r++) {
    double h1[H], h2[H], d1[H], x[2] = {x0[r], x1[r]};
    for (int i = 0; i < H; i++) {
      double s = w1[3*i]*x[0] + w1[3*i+1]*x[1] + w1[3*i+2]; h1[i] = s > 0 ? s : 0; }
    for (int i = 0; i < H; i++) { double s = w2[(H+1)*i+H];
      for (int j = 0; j < H; j++) s += w2[(H+1)*i+j]*h1[j]; h2[i] = s > 0 ? s : 0; }
    double score = w3[H]; for (int j = 0; j < H; j++) score += w3[j]*h2[j];
    double margin = 1 - y[r]*score; if (margin <= 0) continue;
    loss += margin;
    double d = -y[r] / ROWS; for (int j = 0; j < H; j++) d1[j] = 0;
    g[P-1] += d;
    for (int i = 0; i < H; i++) { g[P2+i] += d*h2[i];
      double d2 = h2[i] > 0 ? d*w3[i] : 0; if (d2 == 0) continue;
      g[P1+(H+1)*i+H] += d2;
      for (int j = 0; j < H; j++) { g[P1+(H+1)*i+j] += d2*h1[j]; d1[j] += d2*w2[(H+1)*i+j]; } }
    for (int i = 0; i < H; i++) if (h1[i] > 0) {
      g[3*i] += d1[i]*x[0]; g[3*i+1] += d1[i]*x[1]; g[3*i+2] += d1[i]; } }
  double reg = 0; for (int i = 0; i < P; i++) { reg += p[i]*p[i]; g[i] += 2e-4*p[i]; }
  *value = loss / ROWS + 1e-4*reg;
}
"""

MLP_OVER_ROWS = """
enum { ROWS = %d, H = %d, P1 = 3*H, P2 = P1 + H*(H+1), P = P2 + H + 1 };
void step(const double *p, const double *x0, const double *x1, const double *y, double *value, double *g) {
  const double *w1 = p, *w2 = p + P1, *w3 = p + P2;
  static V G[P]; V loss = {0}; memset(G, 0, sizeof G);
  for (int r = 0; r < ROWS; r += W) {
    V h1[H], h2[H], d1[H], x[2], t; I live;
    for (int k = 0; k < W; k++) { int i = r + k < ROWS ? r + k : ROWS - 1;
      x[0][k] = x0[i]; x[1][k] = x1[i]; t[k] = y[i]; live[k] = r + k < ROWS ? -1 : 0; }
    for (int i = 0; i < H; i++) {
      V s = w1[3*i]*x[0] + w1[3*i+1]*x[1] + w1[3*i+2]; h1[i] = pick(s > 0, s); }
    for (int i = 0; i < H; i++) { V s = w2[(H+1)*i+H] + (V){0};
      for (int j = 0; j < H; j++) s += w2[(H+1)*i+j]*h1[j]; h2[i] = pick(s > 0, s); }
    V score = w3[H] + (V){0}; for (int j = 0; j < H; j++) score += w3[j]*h2[j];
    V margin = 1 - t*score; I on = (margin > 0) & live;
    loss += pick(on, margin); V d = pick(on, -t / ROWS);
    for (int j = 0; j < H; j++) d1[j] = (V){0};
    G[P-1] += d;
    for (int i = 0; i < H; i++) { G[P2+i] += d*h2[i]; V d2 = pick(h2[i] > 0, d*w3[i]);
      G[P1+(H+1)*i+H] += d2;
      for (int j = 0; j < H; j++) { G[P1+(H+1)*i+j] += d2*h1[j]; d1[j] += d2*w2[(H+1)*i+j]; } }
    for (int i = 0; i < H; i++) { V d2 = pick(h1[i] > 0, d1[i]);
      G[3*i] += d2*x[0]; G[3*i+1] += d2*x[1]; G[3*i+2] += d2; } }
  double reg = 0; for (int i = 0; i < P; i++) { reg += p[i]*p[i]; g[i] = sum(G[i]) + 2e-4*p[i]; }
  *value = sum(loss) / ROWS + 1e-4*reg;
}
"""

ROSENBROCK = """
void step(const double *x, double *value, double *g) {
  double s = 0; for (int i = 0; i < 1000; i++) g[i] = 0;
  for (int i = 0; i < 999; i++) { double a = x[i+1] - x[i]*x[i], b = 1 - x[i];
    s += 100*a*a + b*b; g[i] += -400*a*x[i] - 2*b; g[i+1] += 200*a; }
  *value = s;
}
"""

# The same operations as ours, and the sum in the same order: the bits are equal.
ROSENBROCK_IN_ORDER = """
enum { N = 1000 };
void step(const double *x, double *value, double *g) {
  static double C[N + W]; double s = 0; int i = 0; C[0] = -0.0;
  for (; i + W <= N - 1; i += W) {
    V q = at(x+i), a = at(x+i+1) - q*q, h = 100*a, b = 1 - q, t = h*a + b*b, c = h + a*100, m = -c*q;
    for (int k = 0; k < W; k++) s += t[k];
    put(C+i+1, c); put(g+i, at(C+i) + m + m - (b + b)); }
  for (; i < N - 1; i++) {
    double a = x[i+1] - x[i]*x[i], h = 100*a, b = 1 - x[i], c = h + a*100, m = -c*x[i];
    s += h*a + b*b; C[i+1] = c; g[i] = C[i] + m + m - (b + b); }
  g[N-1] = C[N-1]; *value = s;
}
"""

ROSENBROCK_REASSOCIATED = """
enum { N = 1000 };
void step(const double *x, double *value, double *g) {
  V S = {0}; double s = 0, b = 1 - x[0], a = x[1] - x[0]*x[0]; int i = 1;
  s = 100*a*a + b*b; g[0] = -400*a*x[0] - 2*b;
  for (; i + W <= N - 1; i += W) {
    V q = at(x+i), p = at(x+i-1), a = at(x+i+1) - q*q, b = 1 - q;
    S += 100*a*a + b*b; put(g+i, 200*(q - p*p) - 400*a*q - 2*b); }
  for (; i < N - 1; i++) { double a = x[i+1] - x[i]*x[i], b = 1 - x[i];
    s += 100*a*a + b*b; g[i] = 200*(x[i] - x[i-1]*x[i-1]) - 400*a*x[i] - 2*b; }
  g[N-1] = 200*(x[N-1] - x[N-2]*x[N-2]); *value = s + sum(S);
}
"""

RNN = """
#include <math.h>
#include <string.h>
enum { STEPS = 100, H = 8, X = 2, Z = X + H, R = Z + 1 };
void step(const double *p, double *value, double *g) {
  static double z[STEPS][Z], a[STEPS][4][H], c[STEPS+1][H], t[STEPS][H], h[STEPS+1][H], e[STEPS];
  const double *v = p + 4*H*R; double total = 0, dh[H] = {0}, dc[H] = {0};
  for (int s = 0; s < STEPS; s++) {
    for (int k = 0; k < X; k++) z[s][k] = xs[X*s+k];
    for (int k = 0; k < H; k++) z[s][X+k] = h[s][k];
    for (int q = 0; q < 4; q++) for (int u = 0; u < H; u++) {
      const double *w = p + R*(H*q+u); double sum = w[Z];
      for (int k = 0; k < Z; k++) sum += w[k]*z[s][k];
      a[s][q][u] = q < 3 ? 1/(1 + exp(-sum)) : tanh(sum); }
    double error = -ys[s];
    for (int u = 0; u < H; u++) { c[s+1][u] = a[s][1][u]*c[s][u] + a[s][0][u]*a[s][3][u];
      t[s][u] = tanh(c[s+1][u]); h[s+1][u] = a[s][2][u]*t[s][u]; error += v[u]*h[s+1][u]; }
    e[s] = error; total += error*error; }
  *value = total; memset(g, 0, (4*H*R + H) * sizeof(double));
  for (int s = STEPS - 1; s >= 0; s--) { double d[4][H], r = 2*e[s];
    for (int u = 0; u < H; u++) { double i = a[s][0][u], f = a[s][1][u], o = a[s][2][u], n = a[s][3][u];
      g[4*H*R+u] += r*h[s+1][u]; dh[u] += r*v[u];
      double m = dc[u] + dh[u]*o*(1 - t[s][u]*t[s][u]);
      d[0][u] = m*n*i*(1 - i); d[1][u] = m*c[s][u]*f*(1 - f); d[2][u] = dh[u]*t[s][u]*o*(1 - o);
      d[3][u] = m*i*(1 - n*n); dc[u] = m*f; dh[u] = 0; }
    for (int q = 0; q < 4; q++) for (int u = 0; u < H; u++) {
      const double *w = p + R*(H*q+u); double *G = g + R*(H*q+u); G[Z] += d[q][u];
      for (int k = 0; k < Z; k++) G[k] += d[q][u]*z[s][k];
      for (int k = 0; k < H; k++) dh[k] += d[q][u]*w[X+k]; } }
}
"""

RNN_OVER_UNITS = """
enum { STEPS = 100, H = 8, X = 2, Z = X + H, R = Z + 1, N = H / W };
void step(const double *p, double *value, double *g) {
  static V T[4][R][N], G[4][R][N], a[STEPS][4][N], c[STEPS+1][N], t[STEPS][N]; V v[N], gv[N], dh[N], dc[N];
  static double z[STEPS][Z], h[STEPS+1][H], e[STEPS]; double total = 0;
  for (int q = 0; q < 4; q++) for (int k = 0; k < R; k++) for (int u = 0; u < H; u++)
    ((double *)T[q][k])[u] = p[R*(H*q+u)+k];
  memset(G, 0, sizeof G);
  for (int n = 0; n < N; n++) { v[n] = at(p + 4*H*R + W*n); gv[n] = dh[n] = dc[n] = (V){0}; }
  for (int s = 0; s < STEPS; s++) { V error = {0};
    for (int k = 0; k < X; k++) z[s][k] = xs[X*s+k];
    for (int k = 0; k < H; k++) z[s][X+k] = h[s][k];
    for (int q = 0; q < 4; q++) for (int n = 0; n < N; n++) { V sum = T[q][Z][n];
      for (int k = 0; k < Z; k++) sum += T[q][k][n]*z[s][k];
      a[s][q][n] = q < 3 ? 1/(1 + EXP(-sum)) : TANH(sum); }
    for (int n = 0; n < N; n++) { c[s+1][n] = a[s][1][n]*c[s][n] + a[s][0][n]*a[s][3][n];
      t[s][n] = TANH(c[s+1][n]); V now = a[s][2][n]*t[s][n]; put(h[s+1] + W*n, now); error += v[n]*now; }
    e[s] = sum(error) - ys[s]; total += e[s]*e[s]; }
  *value = total;
  for (int s = STEPS - 1; s >= 0; s--) { double r = 2*e[s], d[4][H];
    for (int n = 0; n < N; n++) { V i = a[s][0][n], f = a[s][1][n], o = a[s][2][n], m = a[s][3][n], D[4];
      gv[n] += r*at(h[s+1] + W*n); dh[n] += r*v[n];
      V b = dc[n] + dh[n]*o*(1 - t[s][n]*t[s][n]);
      D[0] = b*m*i*(1 - i); D[1] = b*c[s][n]*f*(1 - f); D[2] = dh[n]*t[s][n]*o*(1 - o);
      D[3] = b*i*(1 - m*m); dc[n] = b*f; dh[n] = (V){0};
      for (int q = 0; q < 4; q++) { put(d[q] + W*n, D[q]); G[q][Z][n] += D[q];
        for (int k = 0; k < Z; k++) G[q][k][n] += D[q]*z[s][k]; } }
    for (int q = 0; q < 4; q++) for (int u = 0; u < H; u++) for (int n = 0; n < N; n++)
      dh[n] += d[q][u]*at(p + R*(H*q+u) + X + W*n); }
  for (int q = 0; q < 4; q++) for (int k = 0; k < R; k++) for (int u = 0; u < H; u++)
    g[R*(H*q+u)+k] = ((double *)G[q][k])[u];
  for (int n = 0; n < N; n++) put(g + 4*H*R + W*n, gv[n]);
}
"""

RUNGE_KUTTA = """
enum { STEPS = 1000 };
void step(const double *p, double *value, double *g) {
  double a = p[0], b = p[1], c = p[2], d = p[3], h = 0.01;
  static double X[STEPS + 1], Y[STEPS + 1];
  X[0] = p[4]; Y[0] = p[5];
#define K(x, y) (a*(x) - b*(x)*(y))
#define L(x, y) (c*(x)*(y) - d*(y))
#define FORWARD \
    double x = X[t], y = Y[t], k1 = K(x, y), l1 = L(x, y); \
    double x2 = x + k1*(h/2), y2 = y + l1*(h/2), k2 = K(x2, y2), l2 = L(x2, y2); \
    double x3 = x + k2*(h/2), y3 = y + l2*(h/2), k3 = K(x3, y3), l3 = L(x3, y3); \
    double x4 = x + k3*h, y4 = y + l3*h;
  for (int t = 0; t < STEPS; t++) { FORWARD
    double k4 = K(x4, y4), l4 = L(x4, y4);
    X[t+1] = x + (k1 + 2*k2 + 2*k3 + k4)*(h/6); Y[t+1] = y + (l1 + 2*l2 + 2*l3 + l4)*(h/6); }
  *value = X[STEPS]*X[STEPS] + Y[STEPS];
  double gx = 2*X[STEPS], gy = 1, ga = 0, gb = 0, gc = 0, gd = 0;
  for (int t = STEPS - 1; t >= 0; t--) { FORWARD
    double e1 = gx*(h/6), e2 = 2*e1, e3 = e2, e4 = e1, f1 = gy*(h/6), f2 = 2*f1, f3 = f2, f4 = f1, u, v;
#define BACK(e, f, x, y) \
    u = e*(a - b*(y)) + f*c*(y); v = f*(c*(x) - d) - e*b*(x); gx += u; gy += v; \
    ga += e*(x); gb -= e*(x)*(y); gc += f*(x)*(y); gd -= f*(y);
    BACK(e4, f4, x4, y4) e3 += h*u; f3 += h*v;
    BACK(e3, f3, x3, y3) e2 += h/2*u; f2 += h/2*v;
    BACK(e2, f2, x2, y2) e1 += h/2*u; f1 += h/2*v;
    BACK(e1, f1, x, y) }
  g[0] = ga; g[1] = gb; g[2] = gc; g[3] = gd; g[4] = gx; g[5] = gy;
}
"""

MIXTURE = """
#include <math.h>
void step(const double *p, double *value, double *g) {
  const double *w = p, *m = p + 10, *s = p + 20; double inv[10], total = 0;
  for (int k = 0; k < 10; k++) inv[k] = exp(-s[k]);
  for (int k = 0; k < 30; k++) g[k] = 0;
  for (int i = 0; i < 1000; i++) { double e[10], d[10], sum = 0;
    for (int k = 0; k < 10; k++) {
      d[k] = (data[i] - m[k])*inv[k]; e[k] = exp(w[k] - s[k] - 0.5*(d[k]*d[k])); sum += e[k]; }
    total -= log(sum);
    for (int k = 0; k < 10; k++) { double r = -e[k]/sum;
      g[k] += r; g[10+k] += r*d[k]*inv[k]; g[20+k] += r*(d[k]*d[k] - 1); } }
  *value = total;
}
"""

MIXTURE_OVER_POINTS = """
void step(const double *p, double *value, double *g) {
  const double *w = p, *m = p + 10, *s = p + 20; double inv[10]; V G[30], total = {0};
  for (int k = 0; k < 10; k++) inv[k] = exp(-s[k]);
  for (int k = 0; k < 30; k++) G[k] = (V){0};
  for (int i = 0; i < 1000; i += W) { V e[10], d[10], all = {0};
    for (int k = 0; k < 10; k++) {
      d[k] = (at(data + i) - m[k])*inv[k]; e[k] = EXP(w[k] - s[k] - 0.5*(d[k]*d[k])); all += e[k]; }
    total -= LOG(all);
    for (int k = 0; k < 10; k++) { V r = -e[k]/all;
      G[k] += r; G[10+k] += r*d[k]*inv[k]; G[20+k] += r*(d[k]*d[k] - 1); } }
  for (int k = 0; k < 30; k++) g[k] = sum(G[k]);
  *value = sum(total);
}
"""
