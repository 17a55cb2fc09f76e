import Format
import Foundation
import Runtime
import Trainer

/// Runs a float model for sequences on a test example and looks at what is between its nodes.
struct SequenceInspector {
  private let file: SequenceModelFile
  private let main: Session
  private let decoder: Session?
  private let runner: SequenceRunner
  /// The recurrent layer that is shown; nil for all.
  private let layer: String?

  /// Characters of a running text that make one example.
  private static let pieceLength = 300
  /// The last tokens of a running text whose part in what comes next is asked for.
  private static let occludedTokens = 100
  /// Side of the squares that are taken out of an image.
  private static let squareSide = 4

  /// - Throws: `Problem` if the model is no float model, or has no recurrent layer of that name.
  init(_ file: SequenceModelFile, layer: String?) throws {
    self.file = file
    let options = SessionOptions(threads: 1, computesEveryTensor: true)
    main = try Session(file.model, options: options)
    decoder = try file.model.decoderModel.map { try Session($0, options: options) }
    runner = try SequenceRunner(file.model)
    self.layer = layer
    let graphs = [main.graph] + (decoder.map { [$0.graph] } ?? [])
    guard graphs.allSatisfy({ $0.tensors.allSatisfy { $0.type == .f32 } }) else {
      throw Problem(
        "\(file.path): expected a float model, found an int8 model", hint: "look at the one it was made from")
    }
    let names = graphs.flatMap { $0.recurrentLayers.map(\.name) }
    if let layer, !names.contains(layer) {
      throw Problem("--layer: expected \(names.joined(separator: ", ")), found \(layer)")
    }
  }

  private var data: SequenceData { file.data }
  private var model: Model { file.model }

  /// Test examples; of a running text its pieces.
  var exampleCount: Int {
    guard data.task == .nextToken else { return data.test.count }
    return (data.test.count + SequenceInspector.pieceLength - 1) / SequenceInspector.pieceLength
  }

  typealias Look = (said: String, readings: [SequenceLookReport.Reading], saliency: SequenceLookReport.Saliency)

  /// - Parameter index: in 0 ..< `exampleCount`.
  func look(_ index: Int) throws -> Look {
    let input = input(index)
    let (said, judge) = judge(input, index)
    var readings: [SequenceLookReport.Reading] = []
    let saliency: SequenceLookReport.Saliency
    if let images = data.test.images {
      let across = (images.shape.width + SequenceInspector.squareSide - 1) / SequenceInspector.squareSide
      saliency = .squares(images.image(index), across: across, squares(input, images.shape, judge))
    } else {
      let tokens = texts(input, data.inputVocabulary)
      let runs = main.input(0).count / MemoryLayout<Float>.stride == 1 ? input.map { [$0] } : [padded(input)]
      readings.append(reading("The text", tokens, of: main, runs))
      let first = data.task == .nextToken ? max(input.count - SequenceInspector.occludedTokens, 0) : 0
      saliency = .tokens(Array(tokens[first...]), occluded(input, from: first, judge))
    }
    if let decoder, let description = model.decoder {
      let answer = runner.answer(data.test.input(index, model))
      decoder.resetStates()
      // What the runner's encoder has put out, the session here has, too.
      _ = main.input(0).bindMemory(to: Float.self).update(fromContentsOf: data.test.input(index, model))
      main.run()
      for link in description.links { decoder.input(link.input).copyMemory(from: main.output(link.output)) }
      let tokens = answer.map(Float.init)
      readings.append(
        reading(
          "The answer", ["⊢"] + texts(tokens, data.vocabulary), of: decoder,
          ([Float(description.startToken)] + tokens).map { [$0] }))
    }
    return (said, readings, saliency)
  }

  /// The tokens of an example, or its image.
  private func input(_ index: Int) -> [Float] {
    switch data.task {
    case .nextToken:
      let start = index * SequenceInspector.pieceLength
      return (start..<min(start + SequenceInspector.pieceLength, data.test.count)).map {
        Float(data.test.tokens[0][$0].first!)
      }
    case .classes, .tags, .answers:
      let input = data.test.input(index, model)
      guard data.test.images == nil else { return input }
      // What fills up a text says nothing.
      return Array(input[..<((input.lastIndex { $0 != 0 } ?? 0) + 1)])
    }
  }

  /// Filled up with token 0.
  private func padded(_ input: [Float]) -> [Float] {
    let count = main.input(0).count / MemoryLayout<Float>.stride
    return input + [Float](repeating: 0, count: max(count - input.count, 0))
  }

  private func texts(_ tokens: [Float], _ vocabulary: Vocabulary?) -> [String] {
    let words = vocabulary?.unit == .words
    return tokens.map { token in (vocabulary?.text(of: [Int(token)]) ?? "\(Int(token))") + (words ? " " : "") }
  }

  /// What recurrent layers put out while a session reads.
  ///
  /// - Parameter runs: the first input of each run.
  private func reading(
    _ title: String, _ tokens: [String], of session: Session, _ runs: [[Float]]
  ) -> SequenceLookReport.Reading {
    session.resetStates()
    let layers = session.graph.recurrentLayers.filter { layer == nil || $0.name == layer }
    var values = [[Float]](repeating: [], count: layers.count)
    for run in runs {
      _ = session.input(0).bindMemory(to: Float.self).update(fromContentsOf: run)
      session.run { tensor, bytes in
        for (index, layer) in layers.enumerated() where layer.tensor == tensor {
          values[index] += bytes.bindMemory(to: Float.self)
        }
      }
    }
    return SequenceLookReport.Reading(
      title: title, tokens: tokens,
      states: zip(layers, values).map { layer, values in
        SequenceStates(layer: layer.name, units: layer.units, values: Array(values.prefix(tokens.count * layer.units)))
      })
  }

  // MARK: What it depends on

  /// What the model says of an input in words, and ln p of that for an input that differs.
  private func judge(_ input: [Float], _ index: Int) -> (said: String, judge: ([Float]) -> Double) {
    let runner = runner
    func logarithm(_ value: Float) -> Double { log(Double(max(value, .leastNormalMagnitude))) }
    func row(_ scores: [Float], _ step: Int) -> ArraySlice<Float> {
      scores[(step * runner.classCount)..<((step + 1) * runner.classCount)]
    }
    func scores(_ input: [Float], rows: Int) -> [Float] {
      runner.reset()
      return runner.scores(input.map { Int($0) }, rows: rows)
    }
    let text = texts(input, data.inputVocabulary).joined()
    switch data.task {
    case .classes:
      let found = scores(input, rows: 1)
      let best = found.indexOfLargest
      let right = data.labels[Int(data.test.labels[index].first!)]
      return ("\(text)\n\(data.labels[best]) (it is \(right))", { logarithm(scores($0, rows: 1)[best]) })
    case .tags:
      let found = scores(input, rows: input.count)
      let tags = input.indices.map { row(found, $0).indexOfLargest }
      return (
        "\(text)\n\(tags.map { data.labels[$0] }.joined())",
        { other in
          let found = scores(other, rows: other.count)
          return tags.enumerated().reduce(0) { sum, tag in
            let row = row(found, tag.offset)
            return sum + logarithm(row[row.startIndex + tag.element])
          }
        }
      )
    case .nextToken:
      let found = scores(input, rows: input.count)
      let best = row(found, input.count - 1).indexOfLargest
      return (
        "\(text)\n… and then \"\(data.vocabulary?.text(of: [best]) ?? "")\"",
        { other in
          let last = row(scores(other, rows: other.count), other.count - 1)
          return logarithm(last[last.startIndex + best])
        }
      )
    case .answers:
      let whole = data.test.images == nil ? padded(input) : input
      let answer = runner.answer(whole)
      let end = Int32(model.decoder?.endToken ?? 0)
      let said = data.answer(answer)
      let expected = data.answer(data.test.labels[index])
      let isRight = said == expected
      return (
        (data.test.images == nil ? "\(text)\n" : "") + said + (isRight ? "" : " (it is: \(expected))"),
        { other in
          _ = runner.answer(other)
          return -runner.report(expected: (answer + [end])[...]).lossSum
        }
      )
    }
  }

  /// By how much ln p falls if each token were an unknown one.
  private func occluded(_ input: [Float], from first: Int, _ judge: ([Float]) -> Double) -> [Float] {
    let whole = data.task == .answers ? padded(input) : input
    let before = judge(whole)
    return (first..<input.count).map { place in
      var changed = whole
      changed[place] = 0
      return Float(before - judge(changed))
    }
  }

  /// By how much ln p falls if each square of an image had the mean colour.
  private func squares(_ input: [Float], _ shape: ImageShape, _ judge: ([Float]) -> Double) -> [Float] {
    let side = SequenceInspector.squareSide
    let before = judge(input)
    var result: [Float] = []
    for top in stride(from: 0, to: shape.height, by: side) {
      for left in stride(from: 0, to: shape.width, by: side) {
        var changed = input
        for y in top..<min(top + side, shape.height) {
          let (start, end) = (
            (y * shape.width + left) * shape.channels,
            (y * shape.width + min(left + side, shape.width)) * shape.channels
          )
          for place in start..<end { changed[place] = 0 }
        }
        result.append(Float(before - judge(changed)))
      }
    }
    return result
  }

  // MARK: Weights

  private var graphs: [Graph] { [main.graph] + (decoder.map { [$0.graph] } ?? []) }

  var weights: [LookReport.Weights] { graphs.flatMap { $0.layerWeights } }

  /// Tables of the tokens that the graphs' first inputs are.
  var embeddings: [SequenceLookReport.Embedding] {
    zip(graphs, [data.inputVocabulary, data.vocabulary]).compactMap { graph, vocabulary in
      guard let node = graph.nodes.first(where: { $0.op == .embedding && $0.inputs[0] == graph.inputs[0] }),
        case let table = graph.tensors[node.inputs[1]], let values = table.constant?.elements(as: Float.self)
      else { return nil }
      // Rows of tokens that the vocabulary does not have were never read.
      let count = min(table.shape[0], vocabulary?.texts.count ?? table.shape[0])
      guard count > 2, values.allSatisfy(\.isFinite) else { return nil }
      return SequenceLookReport.Embedding(
        layer: node.name, tokens: (0..<count).map { vocabulary?.texts[$0] ?? "\($0)" },
        plane: PrincipalPlane(Array(values.prefix(count * table.shape[1])), columns: table.shape[1]))
    }
  }
}
