import COpenBLAS
import Format
import TrainerKernels

extension CPUBackend {
  public func denseForward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, bias: DeviceSlice?,
    activation: Activation?, output: DeviceSlice
  ) {
    let (inputs, outputs) = (geometry.inputs, geometry.outputs)
    let (x, w, b, y) = (floats(input), floats(weights), bias.map(floats), floats(output))
    forEachBlock(of: outputs, work: count * inputs) { o in
      // y[:, o] = x · w[o, :]ᵀ
      multiply(
        count, o.count, inputs, Matrix(x, stride: inputs), Matrix(w + o.lowerBound * inputs, stride: inputs).transposed,
        into: y + o.lowerBound, stride: outputs)
      trainer_bias_activation(
        y + o.lowerBound, count, o.count, outputs, b.map { $0 + o.lowerBound }, activation.function)
    }
  }

  public func denseBackward(
    _ geometry: DenseGeometry, count: Int, input: DeviceSlice, weights: DeviceSlice, output: DeviceSlice,
    activation: Activation?, outputGradient: DeviceSlice, weightGradient: DeviceSlice, biasGradient: DeviceSlice?,
    inputGradient: DeviceSlice?
  ) {
    let (inputs, outputs) = (geometry.inputs, geometry.outputs)
    let (x, w, y) = (floats(input), floats(weights), floats(output))
    let (dy, dw, db) = (floats(outputGradient), floats(weightGradient), biasGradient.map(floats))
    if let activation {
      forEachRun(of: count * outputs) { start, run in
        trainer_activation_gradient(activation.function, y + start, dy + start, dy + start, run)
      }
    }
    if let db {
      db.update(repeating: 0, count: outputs)
      trainer_column_sums(dy, count, outputs, db)
    }
    forEachBlock(of: outputs, work: count * inputs) { o in
      // dw[o, :] = dy[:, o]ᵀ · x
      multiply(
        o.count, inputs, count, Matrix(dy + o.lowerBound, stride: outputs).transposed, Matrix(x, stride: inputs),
        into: dw + o.lowerBound * inputs, stride: inputs)
    }
    if let dx = inputGradient.map(floats) {
      forEachBlock(of: inputs, work: count * outputs) { i in
        // dx[:, i] = dy · w[:, i]
        multiply(
          count, i.count, outputs, Matrix(dy, stride: outputs), Matrix(w + i.lowerBound, stride: inputs),
          into: dx + i.lowerBound, stride: inputs)
      }
    }
  }

  /// Cuts 0..<count, each element of which takes `work` multiplications, into blocks that matrix products like: multiples
  /// of 32, of some two million multiplications or more.
  private func forEachBlock(of count: Int, work: Int, _ body: (Range<Int>) -> Void) {
    let pieces = CPUBackend.pieces(count * work, atLeast: 2_000_000)
    let block = ((count + pieces - 1) / pieces + 31) / 32 * 32
    pool.run(pieces: (count + block - 1) / block) { piece, _ in
      body((piece * block)..<min((piece + 1) * block, count))
    }
  }
}

/// A row-major matrix in memory, or the transpose of one.
struct Matrix {
  let start: UnsafePointer<Float>
  let stride: Int
  private(set) var isTransposed = false

  init(_ start: UnsafePointer<Float>, stride: Int) {
    self.start = start
    self.stride = stride
  }

  var transposed: Matrix {
    var result = self
    result.isTransposed.toggle()
    return result
  }
}

/// target [rows, columns] = a [rows, depth] · b [depth, columns], or added to it, on the calling thread.
func multiply(
  _ rows: Int, _ columns: Int, _ depth: Int, _ a: Matrix, _ b: Matrix, into target: UnsafeMutablePointer<Float>,
  stride: Int, adding: Bool = false
) {
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(rows), blasint(columns), blasint(depth), 1, a.start, blasint(a.stride), b.start, blasint(b.stride),
    adding ? 1 : 0, target, blasint(stride))
}
