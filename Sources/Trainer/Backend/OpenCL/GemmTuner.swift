import Format
import Foundation
import OpenCLKernels

/// Finds how matrix products are best cut on a device: a few candidates, each timed on two products as networks have
/// them; and keeps what it found in the user's cache folder, for the device and its driver.
public struct GemmTuner {
  public let device: OpenCLDevice
  /// Where plans are kept; nil: nowhere.
  let cache: OpenCLCache?

  public init(_ device: OpenCLDevice, cache: OpenCLCache? = .standard) {
    self.device = device
    self.cache = cache
  }

  // MARK: Measuring

  /// The fastest candidates, after some seconds in which programs are built and run.
  ///
  /// - Throws: `TrainerError.device` if no candidate runs.
  public func measure() throws(TrainerError) -> GemmPlan {
    var best: (rows: (GemmTiling, Double)?, weights: (GemmTiling, Double)?)
    var failure: TrainerError?
    for tiling in candidates {
      do throws(TrainerError) {
        let backend = try OpenCLBackend(device, gemm: GemmPlan(rows: tiling, weights: tiling))
        let times = try Trial.all(on: backend)
        if times.rows < best.rows?.1 ?? .infinity { best.rows = (tiling, times.rows) }
        if times.weights < best.weights?.1 ?? .infinity { best.weights = (tiling, times.weights) }
      } catch {
        // A tile that asks for more than the device has; another will do.
        failure = error
      }
    }
    guard let rows = best.rows, let weights = best.weights else {
      throw failure ?? .device(name: device.title, reason: "no way to cut products fits its work-groups")
    }
    return GemmPlan(rows: rows.0, weights: weights.0)
  }

  var candidates: [GemmTiling] {
    guard !device.isCPU else {
      let tiles = [(4, 2), (6, 2), (8, 2), (12, 2), (8, 3)].map { rows, vectors in
        PanelTiling(rows: rows, vectors: vectors, panelRows: rows * 4)
      }
      return ([.small] + tiles).filter { $0.localMemory <= device.localMemory }.map { .panel($0) }
    }
    let tiles = [(32, 32, 16, 2, 2), (64, 64, 8, 4, 4), (64, 64, 16, 4, 4), (128, 64, 16, 8, 4), (128, 128, 8, 8, 8)]
      .map { LocalTiling(rows: $0.0, columns: $0.1, depth: $0.2, itemRows: $0.3, itemColumns: $0.4) }
      .filter { $0.items <= device.largestWorkGroup && $0.localMemory <= device.localMemory }
    return (tiles.isEmpty ? [.standard(for: device)] : tiles).map { .local($0) }
  }

  // MARK: The cache

  /// What is in the file: the device too, for the eyes of people.
  private struct Entry: Codable {
    var device: String
    var driver: String
    var plan: GemmPlan
  }

  /// One file per device, driver and version of the programs.
  var fileName: String {
    let programs = GemmTiling.programs.map(\.source)
    return String(OpenCLCache.hash((device.identity + programs).joined(separator: "\n")), radix: 16)
  }

  /// The plan that was kept; nil if there is none, or none that can be used.
  public func cachedPlan() -> GemmPlan? {
    guard let path = cache?.plans.path(of: fileName), let data = FileManager.default.contents(atPath: path),
      let entry = try? JSONDecoder().decode(Entry.self, from: data)
    else { return nil }
    let candidates = self.candidates
    return candidates.contains(entry.plan.rows) && candidates.contains(entry.plan.weights) ? entry.plan : nil
  }

  /// Keeps `plan`, all or nothing.
  ///
  /// - Throws: `TrainerError.device` if the folder cannot be written.
  public func keep(_ plan: GemmPlan) throws(TrainerError) {
    guard let cache else {
      throw .device(name: device.title, reason: "no folder to keep its tuning in: HOME is not set")
    }
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      let text = try encoder.encode(Entry(device: device.name, driver: device.driver, plan: plan))
      try cache.plans.store([UInt8](text), as: fileName)
    } catch {
      throw .device(name: device.title, reason: "its tuning cannot be kept: \(error)")
    }
  }
}

extension GemmTiling {
  static let programs: [OpenCLProgramName] = [.gemmPanel, .gemmLocal]
}

/// Products that candidates are timed on.
private enum Trial {
  /// A 3×3 convolution in the middle of a residual network, and a dense layer: seconds of each, summed.
  static func all(on backend: OpenCLBackend) throws(TrainerError) -> (rows: Double, weights: Double) {
    let shape = ImageShape(height: 14, width: 14, channels: 64)
    let convolution = try ConvolutionGeometry(
      "tuning", input: shape, outputChannels: 64, kernel: Extent(3),
      padding: Padding(top: 1, left: 1, bottom: 1, right: 1))
    let (first, images) = (opencl_patches(of: convolution, images: 32), 32)
    let dense = DenseGeometry(inputs: 784, outputs: 256)
    let second = opencl_patches(rows: 64, of: dense.inputs)
    let input = try backend.reals(images * shape.count)
    let output = try backend.reals(images * shape.count)
    let weights = try backend.reals(max(convolution.weightCount, dense.inputs * dense.outputs))
    guard let packed = backend.pack(.forward(convolution), weights, groups: 1) else {
      try backend.finish()
      return (.infinity, .infinity)
    }
    let rows = try seconds(on: backend) {
      backend.multiplyRows(first, image: input, packed, bias: nil, nil, groups: 1, columns: 64, output: output)
    }
    let weightRows = try seconds(on: backend) {
      backend.multiplyWeights(
        first, image: input, gradient: output, groups: 1, outputs: 64, into: weights[0..<convolution.weightCount])
      backend.multiplyWeights(
        second, image: input, gradient: output, groups: 1, outputs: 256, into: weights[0..<(784 * 256)])
    }
    guard let matrix = backend.pack(.forward(dense), weights, groups: 1) else { return (.infinity, .infinity) }
    let denseRows = try seconds(on: backend) {
      backend.multiplyRows(second, image: input, matrix, bias: nil, nil, groups: 1, columns: 256, output: output)
    }
    return (rows + denseRows, weightRows)
  }

  /// The least of some runs, after one that builds the program.
  private static func seconds(on backend: OpenCLBackend, _ body: () -> Void) throws(TrainerError) -> Double {
    body()
    try backend.finish()
    let clock = ContinuousClock()
    var least = Double.infinity
    for _ in 0..<7 {
      let start = clock.now
      body()
      try backend.finish()
      let (seconds, attoseconds) = (clock.now - start).components
      least = min(least, Double(seconds) + Double(attoseconds) * 1e-18)
    }
    return least
  }
}
