/// The lines after `train`: a key and its values each.
struct RecipeParser {
  private(set) var recipe = TrainingRecipe()
  private var seen: Set<String> = []

  static let keys = [
    "epochs", "batch", "optimizer", "rate", "schedule", "l2", "decay", "loss", "class-weights", "clip", "ema", "seed",
    "validation", "early-stop", "sampling", "augment",
  ]

  mutating func readLine(_ line: inout LineScanner) throws(TrainerError) {
    guard let word = line.peek, RecipeParser.keys.contains(word.text) else {
      throw line.error("one of " + RecipeParser.keys.joined(separator: ", "), known: RecipeParser.keys)
    }
    guard word.text == "augment" || seen.insert(word.text).inserted else {
      throw line.error("each key once")
    }
    _ = try line.take("a key")
    switch word.text {
    case "epochs": recipe.epochs = try line.integer("a positive number of epochs", in: 1...1_000_000)
    case "batch":
      recipe.batch =
        line.takes("all")
        ? TrainingRecipe.wholeSet : try line.integer("a positive number of images, or 'all'", in: 1...1_000_000)
    case "optimizer": recipe.optimizer = try readOptimizer(&line)
    case "rate": recipe.rate = try line.number("a positive learning rate", in: .leastNonzeroMagnitude...1e6)
    case "schedule": recipe.schedule = try readSchedule(&line)
    case "l2":
      let coefficient = try line.number("a coefficient of at least 0", in: 0...1e6)
      recipe.penalty = line.takes("per-example") ? .l2PerExample(coefficient) : .l2(coefficient)
    case "decay": recipe.weightDecay = try line.number("a weight decay in 0...1", in: 0...1)
    case "loss":
      let names = Loss.allCases.map(\.rawValue)
      guard let word = line.peek, let loss = Loss(rawValue: word.text) else {
        throw line.error("one of " + names.joined(separator: ", "), known: names)
      }
      _ = try line.take("a loss")
      recipe.loss = loss
      if loss == .softmaxCrossEntropy, line.takes("smoothing") {
        recipe.labelSmoothing = try line.number("a share in 0...0.99", in: 0...0.99)
      }
    case "class-weights":
      var weights: [Float] = []
      if line.takes("balanced") {
        recipe.classWeights = .balanced
      } else {
        let expected = "'balanced', or a positive weight for each class"
        repeat { weights.append(try line.number(expected, in: .leastNormalMagnitude...1e6)) } while !line.isAtEnd
        recipe.classWeights = .given(weights)
      }
    case "clip": recipe.clip = try readClip(&line)
    case "ema": recipe.averageDecay = try line.number("a decay in 0...0.999999", in: 0...0.999999)
    case "seed":
      guard let word = line.peek, let seed = UInt64(word.text) else { throw line.error("a whole number from 0") }
      _ = try line.take("a seed")
      recipe.seed = seed
    case "validation": recipe.validation = try readShare(&line)
    case "early-stop": recipe.patience = try line.integer("a positive number of epochs", in: 1...1_000_000)
    case "sampling":
      let names = Sampling.allCases.map(\.rawValue)
      guard let word = line.peek, let sampling = Sampling(rawValue: word.text) else {
        throw line.error("one of " + names.joined(separator: ", "), known: names)
      }
      _ = try line.take("a kind of sampling")
      recipe.sampling = sampling
    default: recipe.augmentation.append(try Augmentation(&line))
    }
  }

  private func readOptimizer(_ line: inout LineScanner) throws(TrainerError) -> Optimizer {
    let names = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]
    guard let word = line.peek, names.contains(word.text) else {
      throw line.error("one of " + names.joined(separator: ", "), known: names)
    }
    _ = try line.take("an optimizer")
    let share: ClosedRange<Float> = 0...0.999999
    switch word.text {
    case "sgd": return .sgd
    case "momentum": return .momentum(try line.number("a momentum in 0..<1", in: share))
    case "nesterov": return .nesterov(try line.number("a momentum in 0..<1", in: share))
    case "adagrad": return .adaGrad()
    case "rmsprop": return .rmsProp(decay: try line.optionalNumber("a decay in 0..<1", in: share) ?? 0.9)
    case "adam":
      guard let beta1 = try line.optionalNumber("beta1 in 0..<1", in: share) else { return .adam() }
      return .adam(beta1: beta1, beta2: try line.number("beta2 in 0..<1", in: share))
    default: return .adamW(weightDecay: try line.number("a weight decay in 0...1", in: 0...1))
    }
  }

  private func readSchedule(_ line: inout LineScanner) throws(TrainerError) -> Schedule {
    let names = ["constant", "step", "cosine", "one-cycle", "plateau"]
    let epochs: ClosedRange<Float> = .leastNonzeroMagnitude...1e6
    var schedule: Schedule
    if line.takes("constant") {
      schedule = Schedule(.constant)
    } else if line.takes("step") {
      let factor = try line.number("a factor in 0...1", in: 0...1)
      guard line.takes("every") else { throw line.error("'every' and a number of epochs", known: ["every"]) }
      schedule = Schedule(.step(factor: factor, every: try line.number("a positive number of epochs", in: epochs)))
    } else if line.takes("cosine") {
      schedule = Schedule(.cosine())
      if line.takes("floor") { schedule.shape = .cosine(floor: try line.number("a share in 0...1", in: 0...1)) }
    } else if line.takes("plateau") {
      let factor = try line.number("a factor in 0...1", in: 0...1)
      guard line.takes("patience") else { throw line.error("'patience' and a number of epochs", known: ["patience"]) }
      schedule = Schedule(
        .plateau(factor: factor, patience: try line.integer("a number of epochs from 0", in: 0...1_000_000)))
    } else if line.takes("one-cycle") {
      schedule = Schedule(.oneCycle())
      if line.takes("rise") { schedule.shape = .oneCycle(rise: try line.number("a share in 0...1", in: 0...1)) }
      if !line.isAtEnd { throw line.error("'rise' or the end of the line", known: ["rise"]) }
      return schedule
    } else {
      throw line.error("one of " + names.joined(separator: ", "), known: names)
    }
    if line.takes("warmup") { schedule.warmUp = try line.number("a positive number of epochs", in: epochs) }
    if !line.isAtEnd { throw line.error("'warmup' or the end of the line", known: ["warmup", "floor", "every"]) }
    return schedule
  }

  private func readClip(_ line: inout LineScanner) throws(TrainerError) -> GradientClip {
    let limits: ClosedRange<Float> = .leastNormalMagnitude...1e6
    if line.takes("norm") { return .norm(try line.number("a positive norm", in: limits)) }
    guard line.takes("value") else {
      throw line.error("'norm LIMIT' or 'value LIMIT'", known: ["norm", "value"])
    }
    return .value(try line.number("a positive value", in: limits))
  }

  /// A share in [0, 1), as "0.05" or "5%".
  private func readShare(_ line: inout LineScanner) throws(TrainerError) -> Float {
    let expected = "a share below 1, as 0.05 or 5%"
    guard let word = line.peek else { throw line.error(expected) }
    let isPercent = word.text.hasSuffix("%")
    guard let value = Float(isPercent ? String(word.text.dropLast()) : word.text),
      case let share = isPercent ? value / 100 : value, share >= 0, share < 1
    else { throw line.error(expected) }
    _ = try line.take(expected)
    return share
  }
}
