// Softmax and losses. Work-items: rows, one per example.

// targets [count, classes]: `high` at the label, `low` elsewhere; with one class the label itself. Work-items: elements.
kernel void one_hot(global const int *labels, ulong labels_offset, global float *targets, ulong targets_offset, int count,
                    int classes, float high, float low) {
  SLICE(labels), SLICE(targets);
  int i = get_global_id(0);
  if (i >= count * classes) return;
  int label = labels[i / classes];
  targets[i] = classes == 1 ? label : i % classes == label ? high : low;
}

static inline float largest(global const float *x, int count) {
  float result = x[0];
  for (int k = 1; k < count; k++) result = max(result, x[k]);
  return result;
}

kernel void softmax(global const float *input, ulong input_offset, global float *output, ulong output_offset, int rows,
                    int columns) {
  SLICE(input), SLICE(output);
  size_t row = get_global_id(0);
  if (row >= rows) return;
  input += row * columns;
  output += row * columns;
  float top = largest(input, columns);
  float sum = 0;
  for (int k = 0; k < columns; k++) {
    float power = exp(input[k] - top);
    output[k] = power;
    sum += power;
  }
  for (int k = 0; k < columns; k++) output[k] /= sum;
}

// Whether the largest value stands where the largest target does, the first of equal ones; with one output, whether both
// are on one side of the threshold.
static inline float hit(global const float *z, global const float *t, int count, float threshold) {
  if (count == 1) return (z[0] > threshold) == (t[0] > 0.5f) ? 1 : 0;
  int best = 0;
  int wanted = 0;
  for (int k = 1; k < count; k++) {
    if (z[k] > z[best]) best = k;
    if (t[k] > t[wanted]) wanted = k;
  }
  return best == wanted ? 1 : 0;
}

#define LOSS_ARGUMENTS                                                                                                 \
  global const float *values, ulong values_offset, global const float *targets, ulong targets_offset,                  \
      global const float *weights, ulong weights_offset, global float *losses, ulong losses_offset, global float *hits, \
      ulong hits_offset, global float *gradient, ulong gradient_offset, int count, int outputs, int has_weights

#define LOSS_ROW(threshold)                                                                       \
  SLICE(values), SLICE(targets), SLICE(weights), SLICE(losses), SLICE(hits), SLICE(gradient);     \
  int row = get_global_id(0);                                                                     \
  if (row >= count) return;                                                                       \
  global const float *z = values + (size_t)row * outputs;                                         \
  global const float *t = targets + (size_t)row * outputs;                                        \
  global float *dz = gradient + (size_t)row * outputs;                                            \
  float weight = has_weights ? weights[row] : 1;                                                  \
  float share = weight / count;                                                                   \
  float loss = 0;                                                                                 \
  hits[row] = hit(z, t, outputs, threshold)

kernel void softmax_cross_entropy(LOSS_ARGUMENTS) {
  LOSS_ROW(0);
  float top = largest(z, outputs);
  float sum = 0;
  float total = 0;
  for (int k = 0; k < outputs; k++) {
    float power = exp(z[k] - top);
    dz[k] = power;
    sum += power;
    total += t[k];
  }
  float log_sum = log(sum);
  for (int k = 0; k < outputs; k++) {
    // −log p without the detour over p, which may be 0.
    loss += t[k] * (log_sum - (z[k] - top));
    dz[k] = (dz[k] * (total / sum) - t[k]) * share;
  }
  losses[row] = weight * loss;
}

kernel void sigmoid_cross_entropy(LOSS_ARGUMENTS) {
  LOSS_ROW(0);
  for (int k = 0; k < outputs; k++) {
    // −[t·log h + (1 − t)·log(1 − h)] without overflow.
    float power = exp(-fabs(z[k]));
    loss += max(z[k], 0.0f) - z[k] * t[k] + log1p(power);
    float h = (z[k] >= 0 ? 1 : power) / (1 + power);
    dz[k] = (h - t[k]) * share;
  }
  losses[row] = weight * loss;
}

kernel void mean_squared_error(LOSS_ARGUMENTS) {
  LOSS_ROW(0.5f);
  for (int k = 0; k < outputs; k++) {
    float difference = z[k] - t[k];
    loss += difference * difference / outputs;
    dz[k] = 2 * difference / outputs * share;
  }
  losses[row] = weight * loss;
}

// Σ over the other outputs of max(0, 1 + z − z of the right one); with one output max(0, 1 − y·z), y being 1 or −1.
kernel void hinge(LOSS_ARGUMENTS) {
  LOSS_ROW(0);
  if (outputs == 1) {
    float y = t[0] > 0.5f ? 1 : -1;
    loss = max(1 - y * z[0], 0.0f);
    dz[0] = loss > 0 ? -y * share : 0;
  } else {
    int right = 0;
    for (int k = 1; k < outputs; k++) right = t[k] > t[right] ? k : right;
    float top = z[right];
    float own = 0;
    for (int k = 0; k < outputs; k++) {
      float excess = k == right ? 0 : max(1 + z[k] - top, 0.0f);
      loss += excess;
      own += excess > 0 ? 1 : 0;
      dz[k] = excess > 0 ? share : 0;
    }
    dz[right] = -own * share;
  }
  losses[row] = weight * loss;
}

// Σ (h − t) · z with h = 1 for z > 0, else 0.
kernel void perceptron(LOSS_ARGUMENTS) {
  LOSS_ROW(0);
  for (int k = 0; k < outputs; k++) {
    float error = (z[k] > 0 ? 1 : 0) - t[k];
    loss += error * z[k];
    dz[k] = error * share;
  }
  losses[row] = weight * loss;
}
