// Recurrent cells and embeddings. A cell's sums come from matrix products over all images; what is kept of a step lies
// [steps in the order of computation, images, …].
//
// Work-items of cells: images · units.

static inline float logistic(float x) { return 1 / (1 + exp(-x)); }

// Between [images, steps, width], in the order of a sequence, and [steps, images, width], in the order of computation.
// Work-items: columns, steps · images.
kernel void reorder_steps(global const float *source, ulong source_offset, global float *destination,
                          ulong destination_offset, int images, int steps, int width, int is_reversed, int to_steps) {
  SLICE(source), SLICE(destination);
  int column = get_global_id(0);
  int row = get_global_id(1);
  if (column >= width || row >= images * steps) return;
  int step = row / images;
  int image = row - step * images;
  size_t other = (size_t)image * steps + (is_reversed ? steps - 1 - step : step);
  if (to_steps)
    destination[(size_t)row * width + column] = source[other * width + column];
  else
    destination[other * width + column] = source[(size_t)row * width + column];
}

#define CELL_ITEM              \
  int item = get_global_id(0); \
  if (item >= count) return;   \
  int image = item / units;    \
  int unit = item - image * units

// input_sums and recurrent_sums [images, gates · units]: weights · x and weights · h. gates [images, biases · units] is
// kept. `output` has output_pitch elements per image.
#define CELL_FORWARD_ARGUMENTS                                                                                        \
  global const float *input_sums, ulong input_sums_offset, global const float *recurrent_sums,                        \
      ulong recurrent_sums_offset, global const float *bias, ulong bias_offset, global float *gates,                  \
      ulong gates_offset, global const float *hidden, ulong hidden_offset, global float *next_hidden,                 \
      ulong next_hidden_offset, global const float *cell, ulong cell_offset, global float *next_cell,                 \
      ulong next_cell_offset, global float *output, ulong output_offset, int count, int units, int output_pitch

#define CELL_FORWARD(GATES, BIASES)                                                                      \
  SLICE(input_sums), SLICE(recurrent_sums), SLICE(bias), SLICE(gates), SLICE(hidden), SLICE(next_hidden); \
  SLICE(cell), SLICE(next_cell), SLICE(output);                                                          \
  CELL_ITEM;                                                                                             \
  global const float *a = input_sums + (size_t)image * (GATES) * units + unit;                           \
  global const float *r = recurrent_sums + (size_t)image * (GATES) * units + unit;                       \
  global const float *b = bias + unit;                                                                   \
  global float *gate = gates + (size_t)image * (BIASES) * units + unit

#define SUM(k) (a[(k) * units] + r[(k) * units] + b[(k) * units])

static inline void store_hidden(float h, global float *next_hidden, int item, global float *output, size_t place) {
  next_hidden[item] = h;
  output[place] = h;
}

kernel void rnn_forward(CELL_FORWARD_ARGUMENTS) {
  CELL_FORWARD(1, 1);
  store_hidden(tanh(SUM(0)), next_hidden, item, output, (size_t)image * output_pitch + unit);
}

kernel void lstm_forward(CELL_FORWARD_ARGUMENTS) {
  CELL_FORWARD(4, 4);
  float i = logistic(SUM(0));
  float f = logistic(SUM(1));
  float g = tanh(SUM(2));
  float o = logistic(SUM(3));
  gate[0] = i;
  gate[units] = f;
  gate[2 * units] = g;
  gate[3 * units] = o;
  float c = f * cell[item] + i * g;
  next_cell[item] = c;
  store_hidden(o * tanh(c), next_hidden, item, output, (size_t)image * output_pitch + unit);
}

kernel void gru_forward(CELL_FORWARD_ARGUMENTS) {
  CELL_FORWARD(3, 4);
  float reset = logistic(SUM(0));
  float z = logistic(SUM(1));
  float q = r[2 * units] + b[3 * units];
  float candidate = tanh(a[2 * units] + b[2 * units] + reset * q);
  gate[0] = reset;
  gate[units] = z;
  gate[2 * units] = candidate;
  gate[3 * units] = q;
  float h = (1 - z) * candidate + z * hidden[item];
  store_hidden(h, next_hidden, item, output, (size_t)image * output_pitch + unit);
}

// On entry hidden_gradient is what came through the next step's weights, `carry` what came past them (GRU), cell_gradient
// ∂J/∂c behind the step. Gates become the gradients of the sums that biases stand in; recurrent_gradient [images, gates ·
// units] is those of weights · h where they differ (GRU).
#define CELL_BACKWARD_ARGUMENTS                                                                                      \
  global float *gates, ulong gates_offset, global const float *hidden, ulong hidden_offset,                          \
      global const float *next_hidden, ulong next_hidden_offset, global const float *cell, ulong cell_offset,        \
      global const float *next_cell, ulong next_cell_offset, global const float *output_gradient,                    \
      ulong output_gradient_offset, global const float *hidden_gradient, ulong hidden_gradient_offset,               \
      global float *carry, ulong carry_offset, global float *cell_gradient, ulong cell_gradient_offset,              \
      global float *recurrent_gradient, ulong recurrent_gradient_offset, int count, int units, int output_pitch,     \
      int has_output_gradient

#define CELL_BACKWARD(BIASES)                                                                                        \
  SLICE(gates), SLICE(hidden), SLICE(next_hidden), SLICE(cell), SLICE(next_cell), SLICE(output_gradient);            \
  SLICE(hidden_gradient), SLICE(carry), SLICE(cell_gradient), SLICE(recurrent_gradient);                             \
  CELL_ITEM;                                                                                                         \
  global float *gate = gates + (size_t)image * (BIASES) * units + unit;                                              \
  float dh = hidden_gradient[item] + (has_output_gradient ? output_gradient[(size_t)image * output_pitch + unit] : 0)

kernel void rnn_backward(CELL_BACKWARD_ARGUMENTS) {
  CELL_BACKWARD(1);
  float h = next_hidden[item];
  gate[0] = dh * (1 - h * h);
}

kernel void lstm_backward(CELL_BACKWARD_ARGUMENTS) {
  CELL_BACKWARD(4);
  float i = gate[0];
  float f = gate[units];
  float g = gate[2 * units];
  float o = gate[3 * units];
  float t = tanh(next_cell[item]);
  float d = cell_gradient[item] + dh * o * (1 - t * t);
  gate[0] = d * g * i * (1 - i);
  gate[units] = d * cell[item] * f * (1 - f);
  gate[2 * units] = d * i * (1 - g * g);
  gate[3 * units] = dh * t * o * (1 - o);
  cell_gradient[item] = d * f;
}

kernel void gru_backward(CELL_BACKWARD_ARGUMENTS) {
  CELL_BACKWARD(4);
  dh += carry[item];
  float r = gate[0];
  float z = gate[units];
  float candidate = gate[2 * units];
  float q = gate[3 * units];
  float dn = dh * (1 - z) * (1 - candidate * candidate);
  float dr = dn * q * r * (1 - r);
  float dz = dh * (hidden[item] - candidate) * z * (1 - z);
  gate[0] = dr;
  gate[units] = dz;
  gate[2 * units] = dn;
  gate[3 * units] = dn * r;
  global float *sums = recurrent_gradient + (size_t)image * 3 * units + unit;
  sums[0] = dr;
  sums[units] = dz;
  sums[2 * units] = dn * r;
  carry[item] = dh * z;
}

// The table's row of a token; row 0 stands for those out of range.
static inline int row_of(float token, int vocabulary) { return token >= 0 && token < vocabulary ? (int)token : 0; }

// Work-items: columns, tokens.
kernel void embedding_forward(global const float *tokens, ulong tokens_offset, global const float *weights,
                              ulong weights_offset, global float *output, ulong output_offset, int rows, int vocabulary,
                              int width) {
  SLICE(tokens), SLICE(weights), SLICE(output);
  int column = get_global_id(0);
  int row = get_global_id(1);
  if (column >= width || row >= rows) return;
  output[(size_t)row * width + column] = weights[(size_t)row_of(tokens[row], vocabulary) * width + column];
}

// Adds the tokens' gradients in their order: a work-item has a column of the table to itself. Work-items: columns.
kernel void embedding_gradient(global const float *tokens, ulong tokens_offset, global const float *output_gradient,
                               ulong output_gradient_offset, global float *weight_gradient,
                               ulong weight_gradient_offset, int rows, int vocabulary, int width) {
  SLICE(tokens), SLICE(output_gradient), SLICE(weight_gradient);
  int column = get_global_id(0);
  if (column >= width) return;
  for (int row = 0; row < rows; row++)
    weight_gradient[(size_t)row_of(tokens[row], vocabulary) * width + column] +=
        output_gradient[(size_t)row * width + column];
}
