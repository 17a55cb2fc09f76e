import Format

extension NetworkDescription {
  /// The description as text.
  ///
  /// Law: `NetworkDescription(parsing: text, file:)` gives an equal description back.
  public var text: String {
    var lines = ["name \(name)", "input \(input)" + (normalization.map { " " + $0.text } ?? ""), ""]
    lines += layers.map(\.text)
    lines += ["", "train"] + recipe.lines.map { "  " + $0 }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Normalization {
  fileprivate var text: String {
    (["mean"] + mean.map { "\($0)" } + ["deviation"] + deviation.map { "\($0)" }).joined(separator: " ")
  }
}

extension LayerDescription {
  fileprivate var text: String {
    var words = name.isEmpty ? [] : ["\(name):"]
    words.append(kind.keyword)
    switch kind {
    case .convolution(let description), .transposedConvolution(let description):
      words += description.words(depthwise: false)
    case .depthwise(let description): words += description.words(depthwise: true)
    case .dense(let description):
      words.append("\(description.outputs)")
      words += linearWords(description.hasBias, description.weightInit, description.activation)
    case .maxPool(let pool), .averagePool(let pool):
      words.append(pool.window.text)
      if pool.stride != pool.window { words += ["stride", pool.stride.text] }
      words += pool.padding.words
    case .batchNorm(let description):
      let standard = BatchNormDescription()
      if description.momentum != standard.momentum { words += ["momentum", "\(description.momentum)"] }
      if description.epsilon != standard.epsilon { words += ["epsilon", "\(description.epsilon)"] }
      if let activation = description.activation { words += activation.words }
    case .dropout(let rate): words.append("\(rate)")
    case .add(let activation): words += inputs + (activation?.words ?? [])
    case .multiply, .concat: words += inputs
    case .activation(let activation): words += activation.arguments
    case .embedding(let description): words += ["\(description.vocabulary)", "\(description.width)"]
    case .recurrent(let description): words += description.words
    case .input(let shape): words.append("\(shape)")
    case .globalAveragePool, .flatten, .softmax, .sequence, .step: break
    }
    switch kind {
    case .add, .multiply, .concat: break
    default: if let input = inputs.first { words += ["from", input] }
    }
    return words.joined(separator: " ")
  }
}

extension RecurrentDescription {
  fileprivate var words: [String] {
    var words = ["\(units)"]
    switch direction {
    case .forward: break
    case .reverse: words.append("reverse")
    case .both: words.append("bidirectional")
    }
    if isCarried { words.append("carry") }
    if let state { words += ["state", "from", state] }
    return words
  }
}

extension Activation {
  fileprivate var words: [String] { [keyword] + arguments }
}

extension ConvolutionDescription {
  fileprivate func words(depthwise: Bool) -> [String] {
    var words = [depthwise && outputs == 1 ? kernel.text(both: true) : kernel.text(both: true) + "x\(outputs)"]
    if stride != Extent(1) { words += ["stride", stride.text] }
    if dilation != Extent(1) { words += ["dilation", dilation.text] }
    words += padding.words
    if groups != 1 { words += ["groups", "\(groups)"] }
    return words + linearWords(hasBias, weightInit, activation)
  }
}

private func linearWords(_ hasBias: Bool, _ weightInit: WeightInit?, _ activation: Activation?) -> [String] {
  var words: [String] = []
  if !hasBias { words.append("nobias") }
  switch weightInit {
  case .he: words += ["init", "he"]
  case .xavier: words += ["init", "xavier"]
  case .normal(let deviation): words += ["init", "normal", "\(deviation)"]
  case nil: break
  }
  if let activation { words += activation.words }
  return words
}

extension Extent {
  fileprivate var text: String { text(both: false) }

  fileprivate func text(both: Bool) -> String { height == width && !both ? "\(height)" : "\(height)x\(width)" }
}

extension PaddingRule {
  fileprivate var words: [String] {
    switch self {
    case .same: ["pad", "same"]
    case .explicit(let p) where p == Padding(): []
    case .explicit(let p) where p == Padding(all: p.top): ["pad", "\(p.top)"]
    case .explicit(let p): ["pad", "\(p.top)", "\(p.left)", "\(p.bottom)", "\(p.right)"]
    }
  }
}

extension TrainingRecipe {
  fileprivate var lines: [String] {
    var lines = ["epochs \(epochs)", "batch \(batchText)", "optimizer \(optimizer.text)", "rate \(rate)"]
    lines.append("schedule \(schedule.text)")
    switch penalty {
    case .none: break
    case .l2(let c): lines.append("l2 \(c)")
    case .l2PerExample(let lambda): lines.append("l2 \(lambda) per-example")
    }
    if weightDecay > 0 { lines.append("decay \(weightDecay)") }
    lines.append("loss \(loss.rawValue)" + (labelSmoothing > 0 ? " smoothing \(labelSmoothing)" : ""))
    switch classWeights {
    case .equal: break
    case .balanced: lines.append("class-weights balanced")
    case .given(let weights): lines.append("class-weights " + weights.map { "\($0)" }.joined(separator: " "))
    }
    switch clip {
    case .none: break
    case .norm(let limit): lines.append("clip norm \(limit)")
    case .value(let limit): lines.append("clip value \(limit)")
    }
    if let averageDecay { lines.append("ema \(averageDecay)") }
    lines += ["seed \(seed)", "validation \(validation)"]
    if let patience { lines.append("early-stop \(patience)") }
    if sampling != .shuffled { lines.append("sampling \(sampling.rawValue)") }
    return lines + augmentation.map { "augment \($0.text)" }
  }
}

extension TrainingRecipe {
  /// What follows `batch` in a description: a number, or "all".
  public var batchText: String { batch == TrainingRecipe.wholeSet ? "all" : "\(batch)" }
}

extension Optimizer {
  /// What follows `optimizer` in a description, and what logs call it.
  public var text: String {
    switch self {
    case .sgd: "sgd"
    case .momentum(let mu): "momentum \(mu)"
    case .nesterov(let mu): "nesterov \(mu)"
    case .adaGrad: "adagrad"
    case .rmsProp(let decay, _): "rmsprop \(decay)"
    case .adam(let beta1, let beta2, _): "adam \(beta1) \(beta2)"
    case .adamW(_, _, _, let weightDecay): "adamw \(weightDecay)"
    }
  }
}

extension Schedule {
  /// What follows `schedule` in a description.
  public var text: String {
    var text =
      switch shape {
      case .constant: "constant"
      case .step(let factor, let every): "step \(factor) every \(every)"
      case .cosine(let floor): floor == 0 ? "cosine" : "cosine floor \(floor)"
      case .oneCycle(let rise): "one-cycle rise \(rise)"
      case .plateau(let factor, let patience): "plateau \(factor) patience \(patience)"
      }
    if warmUp > 0 { text += " warmup \(warmUp)" }
    return text
  }
}
