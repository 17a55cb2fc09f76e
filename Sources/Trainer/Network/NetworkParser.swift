import Foundation
import Format

extension NetworkDescription {
  /// Reads a description, as a `.net` file holds it; the grammar is told in docs/networks.md.
  ///
  /// - Parameters:
  ///   - text: the whole text.
  ///   - file: what errors call it; without a `name` line, the network is named after it.
  /// - Throws: `TrainerError.syntax` with line and column; `.invalid` about layers that do not fit together.
  public init(parsing text: String, file: String) throws(TrainerError) {
    let parsed = try NetworkParser.parse(text, file: file)
    do throws(TrainerError) {
      _ = try LayerList(parsed)
    } catch {
      guard case .invalid(let what, let expected, let found) = error else { throw error }
      throw .invalid(what: "\(file): \(what)", expected: expected, found: found)
    }
    self = parsed
  }
}

/// The upper part of a description: name, input, layers. `RecipeParser` reads the lines after `train`.
private struct NetworkParser {
  private var name: String?
  private var input: ImageShape?
  private var normalization: Normalization?
  private var layers: [LayerDescription] = []
  private var names: Set<String> = ["input"]
  private var recipe: RecipeParser?

  static func parse(_ text: String, file: String) throws(TrainerError) -> NetworkDescription {
    var parser = NetworkParser()
    var line = 0
    for content in text.split(separator: "\n", omittingEmptySubsequences: false) {
      line += 1
      var scanner = LineScanner(content, line: line, file: file)
      if !scanner.isAtEnd { try parser.readLine(&scanner) }
    }
    let end = LineScanner("", line: line, file: file)
    guard let input = parser.input else { throw end.error("a line 'input HEIGHTxWIDTHxCHANNELS'") }
    guard !parser.layers.isEmpty else { throw end.error("a layer") }
    let stem = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
    var description = NetworkDescription(
      name: parser.name ?? stem, input: input, recipe: parser.recipe?.recipe ?? TrainingRecipe(), layers: parser.layers)
    description.normalization = parser.normalization
    return description
  }

  private mutating func readLine(_ line: inout LineScanner) throws(TrainerError) {
    if recipe != nil {
      try recipe!.readLine(&line)
    } else if line.takes("train") {
      recipe = RecipeParser()
    } else if name == nil, input == nil, line.takes("name") {
      name = try line.take("the network's name").text
    } else if input == nil {
      guard line.takes("input") else { throw line.error("'input' before the first layer", known: ["input", "name"]) }
      let extents = try line.extents("HEIGHTxWIDTHxCHANNELS, as 28x28x1", counts: 3...3)
      input = ImageShape(height: extents[0], width: extents[1], channels: extents[2])
      normalization = try readNormalization(&line, channels: extents[2])
    } else {
      layers.append(try readLayer(&line))
    }
    try line.expectEnd()
  }

  /// `mean M… deviation D…`, a number per channel each, or nothing.
  private func readNormalization(
    _ line: inout LineScanner, channels: Int
  ) throws(TrainerError) -> Normalization? {
    if line.isAtEnd { return nil }
    let numbers = channels == 1 ? "a number" : "\(channels) numbers, one per channel"
    guard line.takes("mean") else { throw line.error("'mean' or the end of the line", known: ["mean"]) }
    var normalization = Normalization(mean: [], deviation: [])
    for _ in 0..<channels {
      normalization.mean.append(try line.number(numbers + ", in units of [0, 1]", in: -1000...1000))
    }
    guard line.takes("deviation") else { throw line.error("'deviation' and " + numbers, known: ["deviation"]) }
    for _ in 0..<channels {
      normalization.deviation.append(try line.number(numbers + " above 0", in: .leastNormalMagnitude...1000))
    }
    return normalization
  }

  private mutating func readLayer(_ line: inout LineScanner) throws(TrainerError) -> LayerDescription {
    var name = ""
    if let word = line.peek, word.text.hasSuffix(":") {
      name = String(word.text.dropLast())
      guard let first = name.first, first.isLetter, !names.contains(name) else {
        throw line.error("a name of its own that starts with a letter")
      }
      _ = try line.take("a name")
    }
    var inputs: [String] = []
    let kind = try readKind(&line, inputs: &inputs)
    if !name.isEmpty { names.insert(name) }
    return LayerDescription(kind, name: name, inputs: inputs, line: line.line)
  }

  private func readKind(_ line: inout LineScanner, inputs: inout [String]) throws(TrainerError) -> LayerKind {
    guard let word = line.peek, LayerKind.keywords.contains(word.text) else {
      throw line.error("a layer or 'train'", known: LayerKind.keywords + ["train"])
    }
    _ = try line.take("a layer")
    switch word.text {
    case "conv": return .convolution(try readConvolution(&line, inputs: &inputs))
    case "depthwise": return .depthwise(try readConvolution(&line, .depthwise, inputs: &inputs))
    case "transposedconv": return .transposedConvolution(try readConvolution(&line, .transposed, inputs: &inputs))
    case "dense": return .dense(try readDense(&line, inputs: &inputs))
    case "maxpool": return .maxPool(try readPool(&line, inputs: &inputs))
    case "avgpool": return .averagePool(try readPool(&line, inputs: &inputs))
    case "batchnorm": return .batchNorm(try readBatchNorm(&line, inputs: &inputs))
    case "dropout":
      let rate = try line.number("the share that is dropped, in 0...0.99", in: 0...0.99)
      try readFrom(&line, &inputs)
      return .dropout(rate: rate)
    case "add":
      var activation: Activation?
      while !line.isAtEnd {
        if let function = try takeActivation(&line) {
          activation = function
          break
        }
        if line.takes("linear") { break }
        inputs.append(try reference(&line))
      }
      guard (1...2).contains(inputs.count) else { throw line.error("one or two names of layers to add") }
      return .add(activation: activation)
    case "multiply":
      repeat { inputs.append(try reference(&line)) } while !line.isAtEnd
      guard inputs.count <= 2 else { throw line.error("one or two names of layers to multiply") }
      return .multiply
    case "concat":
      repeat { inputs.append(try reference(&line)) } while !line.isAtEnd
      return .concat
    case "globalavgpool", "flatten", "softmax", "sequence", "first", "last":
      try readFrom(&line, &inputs)
      return plainKind(word.text)
    case "embedding":
      let expected = "the number of tokens and the numbers for each, as 100 32"
      let description = EmbeddingDescription(
        vocabulary: try line.integer(expected, in: 1...1_000_000), width: try line.integer(expected, in: 1...65_536))
      try readFrom(&line, &inputs)
      return .embedding(description)
    case "input":
      let extents = try line.extents("HEIGHTxWIDTHxCHANNELS, as 20x1x1", counts: 3...3)
      return .input(ImageShape(height: extents[0], width: extents[1], channels: extents[2]))
    default:
      if let cell = Recurrent.Cell.allCases.first(where: { $0.name == word.text }) {
        return .recurrent(try readRecurrent(cell, &line, inputs: &inputs))
      }
      guard let activation = Activation(keyword: word.text) else { throw line.error("a layer") }
      let function = try withArguments(activation, &line)
      try readFrom(&line, &inputs)
      return .activation(function)
    }
  }

  /// A kind that is its keyword alone.
  private func plainKind(_ keyword: String) -> LayerKind {
    switch keyword {
    case "flatten": .flatten
    case "softmax": .softmax
    case "sequence": .sequence
    case "globalavgpool": .globalAveragePool
    default: .step(SequenceEnd(rawValue: keyword)!)
    }
  }

  private func readRecurrent(
    _ cell: Recurrent.Cell, _ line: inout LineScanner, inputs: inout [String]
  ) throws(TrainerError) -> RecurrentDescription {
    var result = RecurrentDescription(
      cell: cell, units: try line.integer("a positive number of units", in: 1...65_536))
    while !line.isAtEnd {
      if line.takes("reverse") {
        result.direction = .reverse
      } else if line.takes("bidirectional") {
        result.direction = .both
      } else if line.takes("carry") {
        result.isCarried = true
      } else if line.takes("state") {
        guard line.takes("from") else { throw line.error("'from' and the name of a layer above", known: ["from"]) }
        result.state = try reference(&line)
      } else {
        try readFrom(&line, &inputs, options: ["reverse", "bidirectional", "carry", "state", "from"])
      }
    }
    return result
  }

  private enum ConvolutionForm {
    case plain
    case depthwise
    case transposed
  }

  private func readConvolution(
    _ line: inout LineScanner, _ form: ConvolutionForm = .plain, inputs: inout [String]
  ) throws(TrainerError) -> ConvolutionDescription {
    let extents =
      form == .depthwise
      ? try line.extents("HEIGHTxWIDTH or HEIGHTxWIDTHxMULTIPLIER, as 3x3", counts: 2...3)
      : try line.extents("HEIGHTxWIDTHxOUTPUTS, as 3x3x16", counts: 3...3)
    var result = ConvolutionDescription(
      kernel: Extent(height: extents[0], width: extents[1]), outputs: extents.count > 2 ? extents[2] : 1)
    var options = ["stride", "pad", "nobias", "init", "from"] + Activation.optionKeywords
    if form != .transposed { options.append("dilation") }
    if form == .plain { options.append("groups") }
    while !line.isAtEnd {
      if line.takes("stride") {
        result.stride = try readExtent(&line)
      } else if form != .transposed, line.takes("dilation") {
        result.dilation = try readExtent(&line)
      } else if line.takes("pad") {
        result.padding = try readPadding(&line)
      } else if form == .plain, line.takes("groups") {
        result.groups = try line.integer("a positive number of groups", in: 1...65_536)
      } else if line.takes("nobias") {
        result.hasBias = false
      } else if line.takes("init") {
        result.weightInit = try readInit(&line)
      } else if let activation = try takeActivation(&line) {
        result.activation = activation
      } else if line.takes("linear") {
        result.activation = nil
      } else {
        try readFrom(&line, &inputs, options: options)
      }
    }
    return result
  }

  private func readDense(_ line: inout LineScanner, inputs: inout [String]) throws(TrainerError) -> DenseDescription {
    var result = DenseDescription(outputs: try line.extents("a number of outputs", counts: 1...1)[0])
    let options = ["nobias", "init", "from"] + Activation.optionKeywords
    while !line.isAtEnd {
      if line.takes("nobias") {
        result.hasBias = false
      } else if line.takes("init") {
        result.weightInit = try readInit(&line)
      } else if let activation = try takeActivation(&line) {
        result.activation = activation
      } else if line.takes("linear") {
        result.activation = nil
      } else {
        try readFrom(&line, &inputs, options: options)
      }
    }
    return result
  }

  private func readPool(_ line: inout LineScanner, inputs: inout [String]) throws(TrainerError) -> PoolDescription {
    var result = PoolDescription(window: try readExtent(&line))
    while !line.isAtEnd {
      if line.takes("stride") {
        result.stride = try readExtent(&line)
      } else if line.takes("pad") {
        result.padding = try readPadding(&line)
      } else {
        try readFrom(&line, &inputs, options: ["stride", "pad", "from"])
      }
    }
    return result
  }

  private func readBatchNorm(
    _ line: inout LineScanner, inputs: inout [String]
  ) throws(TrainerError) -> BatchNormDescription {
    var result = BatchNormDescription()
    while !line.isAtEnd {
      if line.takes("momentum") {
        result.momentum = try line.number("a share in 0...1", in: 0...1)
      } else if line.takes("epsilon") {
        result.epsilon = try line.number("a positive number", in: .leastNormalMagnitude...1)
      } else if let activation = try takeActivation(&line) {
        result.activation = activation
      } else if line.takes("linear") {
        result.activation = nil
      } else {
        try readFrom(
          &line, &inputs, options: ["momentum", "epsilon", "from"] + Activation.optionKeywords)
      }
    }
    return result
  }

  /// `N` or `HEIGHTxWIDTH`.
  private func readExtent(_ line: inout LineScanner) throws(TrainerError) -> Extent {
    let extents = try line.extents("a positive number or HEIGHTxWIDTH", counts: 1...2)
    return Extent(height: extents[0], width: extents[extents.count - 1])
  }

  /// `same`, one number, or top, left, bottom, right.
  private func readPadding(_ line: inout LineScanner) throws(TrainerError) -> PaddingRule {
    if line.takes("same") { return .same }
    let pixels = 0...65_536
    let first = try line.integer("'same', a number, or top left bottom right", in: pixels)
    guard let word = line.peek, Int(word.text) != nil else { return .explicit(Padding(all: first)) }
    let left = try line.integer("padding on the left", in: pixels)
    let bottom = try line.integer("padding at the bottom", in: pixels)
    let right = try line.integer("padding on the right", in: pixels)
    return .explicit(Padding(top: first, left: left, bottom: bottom, right: right))
  }

  private func readInit(_ line: inout LineScanner) throws(TrainerError) -> WeightInit {
    if line.takes("he") { return .he }
    if line.takes("xavier") { return .xavier }
    guard line.takes("normal") else {
      throw line.error("'he', 'xavier' or 'normal DEVIATION'", known: ["he", "xavier", "normal"])
    }
    return .normal(
      deviation: try line.number("a standard deviation of at least 0", in: 0...Float.greatestFiniteMagnitude))
  }

  private func takeActivation(_ line: inout LineScanner) throws(TrainerError) -> Activation? {
    for activation in Activation.allCases where line.takes(activation.keyword) {
      return try withArguments(activation, &line)
    }
    return nil
  }

  /// The activation whose keyword has been taken, with the slope that may follow it.
  private func withArguments(_ activation: Activation, _ line: inout LineScanner) throws(TrainerError) -> Activation {
    guard case .leakyReLU = activation, let slope = try line.optionalNumber("a slope in 0...1", in: 0...1) else {
      return activation
    }
    return .leakyReLU(slope: slope)
  }

  /// `from NAME`, if anything is left; anything else is an error that names the `options`.
  private func readFrom(
    _ line: inout LineScanner, _ inputs: inout [String], options: [String] = ["from"]
  ) throws(TrainerError) {
    if line.isAtEnd { return }
    guard inputs.isEmpty, line.takes("from") else {
      throw line.error("one of " + options.joined(separator: ", "), known: options)
    }
    inputs = [try reference(&line)]
  }

  /// The name of a layer above.
  private func reference(_ line: inout LineScanner) throws(TrainerError) -> String {
    guard let word = line.peek, names.contains(word.text) else {
      throw line.error("the name of a layer above, or 'input'", known: names.sorted())
    }
    return try line.take("a name").text
  }
}
