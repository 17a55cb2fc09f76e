import Format
import Platform
import Quantize
import Runtime
import Terminal
import Vision

/// What a network says about one picture.
final class Classification: ModelResult {
  struct Class {
    let index: Int
    let label: String
    /// In [0, 1] for a network that ends with a softmax, any number otherwise.
    let score: Float
  }

  let jsonKey = "images"
  let image: String
  let failure: Failure?
  /// The most likely ones, best first.
  let classes: [Class]
  let scoresAreProbabilities: Bool
  /// Nanoseconds.
  let decoding: UInt64
  let preprocessing: UInt64
  let inference: UInt64

  init(
    image: String, failure: Failure?, classes: [Class], scoresAreProbabilities: Bool, decoding: UInt64,
    preprocessing: UInt64, inference: UInt64
  ) {
    self.image = image
    self.failure = failure
    self.classes = classes
    self.scoresAreProbabilities = scoresAreProbabilities
    self.decoding = decoding
    self.preprocessing = preprocessing
    self.inference = inference
  }

  var text: String {
    guard failure == nil else { return "" }
    var table = TextTable([.right(""), .left(""), .right("")])
    for (rank, found) in classes.enumerated() {
      table.add(["  \(rank + 1).", found.label, scoreText(found)])
    }
    return image.printable + "\n" + table.text + "  decode " + milliseconds(decoding) + ", preprocess "
      + milliseconds(preprocessing) + ", inference " + milliseconds(inference) + "\n"
  }

  private func scoreText(_ found: Class) -> String {
    scoresAreProbabilities ? percent(Double(found.score)) : fixed(Double(found.score), decimals: 4)
  }

  func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("image", image)
      guard failure == nil else {
        json.field("error", failure!.description)
        return
      }
      json.array("classes") { json in
        for found in classes {
          json.object { json in
            json.field("index", found.index)
            json.field("label", found.label)
            json.field(scoresAreProbabilities ? "probability" : "score", Double(found.score), decimals: 9)
          }
        }
      }
      json.field("decode_ms", Double(decoding) / 1e6, decimals: 6)
      json.field("preprocess_ms", Double(preprocessing) / 1e6, decimals: 6)
      json.field("inference_ms", Double(inference) / 1e6, decimals: 6)
    }
  }
}

/// A session that pictures are put through.
struct Classifier {
  private let session: Session
  private let labels: [String]
  private let recipe: Preprocessing
  private let endsWithSoftmax: Bool

  /// - Throws: `Failure` if the model is not one for pictures.
  init(_ model: Model, _ session: Session, file: String) throws(Failure) {
    self.session = session
    labels = model.metadata.labels
    guard let recipe = model.metadata.preprocessing else {
      throw Failure(file + ": expected a preprocessing recipe for pictures, found none")
    }
    self.recipe = recipe
    let graph = session.graph
    guard graph.inputs.count == 1, graph.tensors[graph.inputs[0]].shape[0] == 1 else {
      throw Failure(file + ": expected one input of one picture, found others")
    }
    let type = graph.tensors[graph.inputs[0]].type
    guard type == .f32 || type == .s8 else {
      throw Failure(file + ": expected an input of f32 or s8, found " + type.name)
    }
    endsWithSoftmax = graph.endsWithSoftmax
  }

  func classify(_ path: String, top: Int) -> Classification {
    let start = platform_monotonic_nanoseconds()
    do throws(VisionError) {
      let image = try Image(path: path, for: recipe)
      let decoded = platform_monotonic_nanoseconds()
      session.fillInput(with: image, recipe)
      let prepared = platform_monotonic_nanoseconds()
      session.run()
      let done = platform_monotonic_nanoseconds()
      return Classification(
        image: path, failure: nil, classes: best(top), scoresAreProbabilities: endsWithSoftmax,
        decoding: decoded - start, preprocessing: prepared - decoded, inference: done - prepared)
    } catch {
      return Classification(
        image: path, failure: Failure(error), classes: [], scoresAreProbabilities: endsWithSoftmax, decoding: 0,
        preprocessing: 0, inference: 0)
    }
  }

  /// The `count` classes of the first output's first row with the highest scores; of equal ones the earlier first.
  private func best(_ count: Int) -> [Classification.Class] {
    let tensor = session.graph.tensors[session.graph.outputs[0]]
    let output = session.output(0)
    let classes = tensor.shape[tensor.shape.count - 1]
    let scores = (0..<classes).map { index -> Float in
      switch tensor.type {
      case .f32: return output.load(fromByteOffset: 4 * index, as: Float.self)
      case .s8: return tensor.quantization!.dequantize(output.load(fromByteOffset: index, as: Int8.self))
      case .s32: return Float(output.load(fromByteOffset: 4 * index, as: Int32.self))
      case .u8: return Float(output[index])
      }
    }
    return bestClasses(scores, labels, count: count)
  }
}

/// The `count` classes with the highest scores; of equal ones the earlier first.
func bestClasses(_ scores: [Float], _ labels: [String], count: Int) -> [Classification.Class] {
  let order = scores.indices.sorted { a, b in scores[a] != scores[b] ? scores[a] > scores[b] : a < b }
  return order.prefix(count).map { index in
    Classification.Class(
      index: index, label: labels.isEmpty ? "class \(index)" : labels[index], score: scores[index])
  }
}

extension Session {
  /// Makes `image` the first input, as `recipe` says.
  func fillInput(with image: Image, _ recipe: Preprocessing) {
    let tensor = graph.tensors[graph.inputs[0]]
    let input = input(0)
    if tensor.type == .f32 {
      recipe.apply(to: image, into: input.assumingMemoryBound(to: Float.self))
      return
    }
    let quantization = tensor.quantization!
    let elements = [Float](unsafeUninitializedCapacity: recipe.inputCount) { buffer, count in
      recipe.apply(to: image, into: UnsafeMutableBufferPointer(rebasing: buffer[..<recipe.inputCount]))
      count = recipe.inputCount
    }
    for (index, element) in elements.enumerated() {
      input.storeBytes(of: quantization.quantize(element), toByteOffset: index, as: Int8.self)
    }
  }
}
