// What a step of a recurrent layer does beside its matrix products, forward and backward. Rows are images; a row's values
// lie behind each other gate by gate, `units` of each. A row is a function of its own with a `restrict` argument per gate:
// only so does the compiler know that it may take many units at a time.
#include "clones.h"
#include "functions.h"
#include "include/trainer_kernels.h"

TRAINER_INLINE void rnn_row(ptrdiff_t units, const float *restrict sums, const float *restrict bias, float *restrict h,
                            float *restrict y) {
  for (ptrdiff_t j = 0; j < units; j++) h[j] = y[j] = hyperbolic_tangent(sums[j] + bias[j]);
}

TRAINER_CLONES void trainer_rnn_step(ptrdiff_t rows, ptrdiff_t units, const float *sums, const float *bias,
                                     float *hidden, ptrdiff_t hidden_stride, float *output, ptrdiff_t output_stride) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    rnn_row(units, sums + r * units, bias, hidden + r * hidden_stride, output + r * output_stride);
  }
}

TRAINER_INLINE void rnn_row_gradient(ptrdiff_t units, const float *restrict h, const float *restrict dy,
                                     const float *restrict dh, float *restrict sums) {
  for (ptrdiff_t j = 0; j < units; j++) sums[j] = (dh[j] + (dy ? dy[j] : 0)) * (1 - h[j] * h[j]);
}

TRAINER_CLONES void trainer_rnn_step_gradient(ptrdiff_t rows, ptrdiff_t units, const float *hidden,
                                              ptrdiff_t hidden_stride, const float *output_gradient,
                                              ptrdiff_t output_stride, const float *hidden_gradient, float *sums) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    rnn_row_gradient(units, hidden + r * hidden_stride, output_gradient ? output_gradient + r * output_stride : 0,
                     hidden_gradient + r * units, sums + r * units);
  }
}

TRAINER_INLINE void lstm_row(ptrdiff_t units, float *restrict i, float *restrict f, float *restrict g, float *restrict o,
                             const float *restrict bias, const float *restrict before, float *restrict c,
                             float *restrict h, float *restrict y) {
  for (ptrdiff_t j = 0; j < units; j++) {
    i[j] = sigmoid(i[j] + bias[j]);
    f[j] = sigmoid(f[j] + bias[units + j]);
    g[j] = hyperbolic_tangent(g[j] + bias[2 * units + j]);
    o[j] = sigmoid(o[j] + bias[3 * units + j]);
    c[j] = f[j] * before[j] + i[j] * g[j];
    h[j] = y[j] = o[j] * hyperbolic_tangent(c[j]);
  }
}

TRAINER_CLONES void trainer_lstm_step(ptrdiff_t rows, ptrdiff_t units, float *gates, const float *bias,
                                      const float *cell_before, float *cell, float *hidden, ptrdiff_t hidden_stride,
                                      float *output, ptrdiff_t output_stride) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    float *row = gates + 4 * r * units;
    lstm_row(units, row, row + units, row + 2 * units, row + 3 * units, bias, cell_before + r * units,
             cell + r * units, hidden + r * hidden_stride, output + r * output_stride);
  }
}

TRAINER_INLINE void lstm_row_gradient(ptrdiff_t units, const float *restrict before, const float *restrict c,
                                      const float *restrict dy, const float *restrict dh, float *restrict dc,
                                      float *restrict input, float *restrict forget, float *restrict candidate,
                                      float *restrict out) {
  for (ptrdiff_t j = 0; j < units; j++) {
    float i = input[j], f = forget[j], g = candidate[j], o = out[j];
    float h = dh[j] + (dy ? dy[j] : 0);
    float t = hyperbolic_tangent(c[j]);
    float d = dc[j] + h * o * (1 - t * t);
    dc[j] = d * f;
    input[j] = d * g * i * (1 - i);
    forget[j] = d * before[j] * f * (1 - f);
    candidate[j] = d * i * (1 - g * g);
    out[j] = h * t * o * (1 - o);
  }
}

TRAINER_CLONES void trainer_lstm_step_gradient(ptrdiff_t rows, ptrdiff_t units, const float *cell_before,
                                               const float *cell, const float *output_gradient,
                                               ptrdiff_t output_stride, const float *hidden_gradient,
                                               float *cell_gradient, float *gates) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    float *row = gates + 4 * r * units;
    lstm_row_gradient(units, cell_before + r * units, cell + r * units,
                      output_gradient ? output_gradient + r * output_stride : 0, hidden_gradient + r * units,
                      cell_gradient + r * units, row, row + units, row + 2 * units, row + 3 * units);
  }
}

TRAINER_INLINE void gru_row(ptrdiff_t units, float *restrict r, float *restrict z, float *restrict n, float *restrict q,
                            const float *restrict bias, const float *restrict before, float *restrict h,
                            float *restrict y) {
  for (ptrdiff_t j = 0; j < units; j++) {
    r[j] = sigmoid(r[j] + bias[j]);
    z[j] = sigmoid(z[j] + bias[units + j]);
    q[j] += bias[3 * units + j];
    n[j] = hyperbolic_tangent(n[j] + bias[2 * units + j] + r[j] * q[j]);
    h[j] = y[j] = n[j] + z[j] * (before[j] - n[j]);
  }
}

TRAINER_CLONES void trainer_gru_step(ptrdiff_t rows, ptrdiff_t units, float *gates, const float *bias,
                                     const float *hidden_before, float *hidden, ptrdiff_t hidden_stride, float *output,
                                     ptrdiff_t output_stride) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    float *row = gates + 4 * r * units;
    gru_row(units, row, row + units, row + 2 * units, row + 3 * units, bias, hidden_before + r * hidden_stride,
            hidden + r * hidden_stride, output + r * output_stride);
  }
}

TRAINER_INLINE void gru_row_gradient(ptrdiff_t units, const float *restrict before, const float *restrict dy,
                                     float *restrict dh, float *restrict reset, float *restrict update,
                                     float *restrict candidate, float *restrict recurrent) {
  for (ptrdiff_t j = 0; j < units; j++) {
    float r = reset[j], z = update[j], n = candidate[j];
    float h = dh[j] + (dy ? dy[j] : 0);
    float dn = h * (1 - z) * (1 - n * n);
    dh[j] = h * z;
    reset[j] = dn * recurrent[j] * r * (1 - r);
    update[j] = h * (before[j] - n) * z * (1 - z);
    candidate[j] = dn;
    recurrent[j] = dn * r;
  }
}

TRAINER_CLONES void trainer_gru_step_gradient(ptrdiff_t rows, ptrdiff_t units, const float *hidden_before,
                                              ptrdiff_t hidden_stride, const float *output_gradient,
                                              ptrdiff_t output_stride, float *hidden_gradient, float *gates) {
  for (ptrdiff_t r = 0; r < rows; r++) {
    float *row = gates + 4 * r * units;
    gru_row_gradient(units, hidden_before + r * hidden_stride,
                     output_gradient ? output_gradient + r * output_stride : 0, hidden_gradient + r * units, row,
                     row + units, row + 2 * units, row + 3 * units);
  }
}
