import Quantize
import Testing

@testable import Trainer

@Suite struct RunTrainingTests {
  @Test func aRunLearnsAndUsesEveryImageOnce() throws {
    var description = RowProblem.description
    description.recipe.epochs = 20
    description.recipe.augmentation = [.flip]
    let run = try RowProblem.run(description)
    #expect(run.stepsPerEpoch == 6 && run.imagesPerEpoch == 81)
    var ends: [StepReport] = []
    while !run.isFinished {
      let step = try run.step()
      if step.step == step.stepsPerEpoch { ends.append(step) }
    }
    #expect(ends.count == 20)
    #expect(ends.allSatisfy { $0.images == 81 })
    #expect(ends.last!.loss < ends.first!.loss / 2)
    #expect(ends.last!.validation!.accuracy > 0.6)
  }

  @Test func theSameSeedGivesTheSameBitsAndAnotherDoesNot() throws {
    func losses(seed: UInt64) throws -> [[UInt64]] {
      var description = RowProblem.description
      description.recipe.seed = seed
      let run = try RowProblem.run(description)
      var result: [[UInt64]] = []
      while !run.isFinished { result.append(try run.step().bits) }
      return result
    }
    let first = try losses(seed: 1)
    #expect(try losses(seed: 1) == first)
    #expect(try losses(seed: 2) != first)
  }

  @Test func divergenceNamesStepAndRate() throws {
    var description = RowProblem.description
    description.recipe.rate = 1e6
    description.recipe.schedule = Schedule()
    let run = try RowProblem.run(description)
    let error = #expect(throws: RunError.self) {
      while !run.isFinished { _ = try run.step() }
    }
    guard case .diverged(let epoch, let step, let rate, let loss, let limit) = error else {
      Issue.record("found \(String(describing: error))")
      return
    }
    #expect(epoch == 1 && step > 1 && rate == 1e6 && !(loss <= limit))
  }

  @Test func aBatchOfAllIsOneStepAnEpoch() throws {
    var description = RowProblem.description
    description.recipe.batch = TrainingRecipe.wholeSet
    let run = try RowProblem.run(description)
    #expect(run.batch == 81 && run.stepsPerEpoch == 1)
    #expect(try run.step().images == 81)
    #expect(run.epoch == 1)
    description.recipe.batch = 1
    #expect(try RowProblem.run(description).stepsPerEpoch == 81)
  }

  /// A rate of nearly 0 learns nothing: no epoch after the first is better.
  @Test func trainingEndsWhenPatienceDoes() throws {
    var description = RowProblem.description
    description.recipe.epochs = 50
    description.recipe.rate = 1e-12
    description.recipe.averageDecay = nil
    description.recipe.patience = 3
    description.layers.removeSubrange(1...1)
    let run = try RowProblem.run(description)
    while !run.isFinished { _ = try run.step() }
    #expect(run.epoch == 4 && run.isStoppedEarly && run.epochsWithoutBetter == 3)
    let resumed = try RowProblem.run(description)
    try resumed.restore(run.checkpoint(), best: run.best)
    #expect(resumed.isFinished)

    description.recipe.validation = 0
    #expect(
      throws: RunError.mismatch(
        what: "rows: early-stop", expected: "images held out to judge by: 'validation SHARE'", found: "none")
    ) { _ = try RowProblem.run(description) }
  }

  /// The same, with a schedule that lowers the rate on plateaus: through a checkpoint, too.
  @Test func theRateFallsOnPlateaus() throws {
    var description = RowProblem.description
    description.recipe.epochs = 8
    description.recipe.rate = 1e-12
    description.recipe.averageDecay = nil
    description.recipe.schedule = Schedule(.plateau(factor: 0.5, patience: 1))
    description.layers.removeSubrange(1...1)
    func rates(of run: TrainingRun, epochs: Int) throws -> [Float] {
      var rates: [Float] = []
      while rates.count < epochs {
        let step = try run.step()
        if step.step == step.stepsPerEpoch { rates.append(step.rate) }
      }
      return rates
    }
    let run = try RowProblem.run(description)
    #expect(try rates(of: run, epochs: 4) == [1e-12, 1e-12, 1e-12, 5e-13])
    let resumed = try RowProblem.run(description)
    try resumed.restore(run.checkpoint(), best: run.best)
    #expect(try rates(of: resumed, epochs: 4) == rates(of: run, epochs: 4))
    // Without examples held out, the training loss decides; dropout lets it move.
    description.recipe.validation = 0
    description.layers.removeAll { $0.kind == .dropout(rate: 0.2) }
    description.recipe.augmentation = []
    #expect(try rates(of: RowProblem.run(description), epochs: 4) == [1e-12, 1e-12, 1e-12, 5e-13])
  }

  @Test func theDescriptionMayStateTheNormalization() throws {
    var description = RowProblem.description
    description.normalization = Normalization(mean: [0.25], deviation: [0.5])
    let run = try RowProblem.run(description)
    #expect(run.preprocessing?.mean == [0.25] && run.preprocessing?.deviation == [0.5])
    #expect(try RowProblem.run().preprocessing?.mean != [0.25])
  }

  @Test func theBestEpochIsExported() throws {
    var description = RowProblem.description
    description.recipe.epochs = 6
    let run = try RowProblem.run(description)
    var best: (correct: Int, epoch: Int) = (-1, 0)
    while !run.isFinished {
      guard let validation = try run.step().validation else { continue }
      #expect(validation.isBest == (validation.correct > best.correct))
      if validation.isBest { best = (validation.correct, run.epoch) }
    }
    #expect(try run.checkpoint().best?.epoch == best.epoch)
    #expect(try run.checkpoint().best?.correct == best.correct)
  }

  /// A class of 10 examples beside two of 40 counts four times as much, and on the mean an example counts 1.
  @Test func classWeights() {
    let balanced = ClassWeights.balanced.factors(histogram: [40, 40, 10])!
    for (factor, expected) in zip(balanced, [0.75, 0.75, 3] as [Float]) { #expect(abs(factor - expected) < 1e-6) }
    let given = ClassWeights.given([1, 2]).factors(histogram: [30, 10])!
    for (factor, expected) in zip(given, [0.8, 1.6] as [Float]) { #expect(abs(factor - expected) < 1e-6) }
    #expect(ClassWeights.equal.factors(histogram: [1, 2]) == nil)
    // A class without examples takes nothing from the others.
    #expect(ClassWeights.balanced.factors(histogram: [0, 6])![1] == 1)
  }

  /// Layers may be called what the head is called, and what stands behind it: tensors are told by their names.
  @Test(arguments: ["softmax: dense 3\nsoftmax", "conv1.weights: dense 3"])
  func everyTensorHasANameOfItsOwn(end: String) throws {
    let run = try RowProblem.run(describe("input 3x4x1\nconv 3x3x2\nflatten\n\(end)\ntrain\nepochs 1"))
    let graph = try run.export().main
    #expect(Set(graph.tensors.map(\.name)).count == graph.tensors.count, "\(graph.tensors.map(\.name))")
    #expect(Set(graph.nodes.map(\.name)).count == graph.nodes.count)
    #expect(graph.tensors.contains { $0.name == "conv1.weights" && $0.shape == [2, 3, 3, 1] })
  }

  /// One output for two classes: the exported graph has scores of both, and is as often right as the run was.
  @Test(arguments: [
    ("sigmoid-cross-entropy", ""), ("mean-squared-error", ""), ("hinge", ""), ("perceptron", ""),
    ("perceptron", " threshold"),
  ]) func oneOutputForTwoClasses(loss: String, end: String) throws {
    func binary(_ examples: Trainer.Examples) -> Trainer.Examples {
      examples.subset(examples.classes.indices.filter { examples.classes[$0] < 2 })
    }
    let rows = RowProblem.data
    let data = DataSet(name: "rows", labels: ["top", "middle"], train: binary(rows.train), test: binary(rows.test))
    let description = try describe(
      "input 3x4x1\nflatten\nclasses: dense 1\(end)\ntrain\nepochs 30\nbatch 8\nrate 0.02\nloss \(loss)")
    let run = try RowProblem.run(description, data: data)
    while !run.isFinished { _ = try run.step() }
    let graph = try run.export().main
    #expect(graph.tensors[graph.outputs[0]].shape == [1, 2])
    #expect(Set(graph.tensors.map(\.name)).count == graph.tensors.count)
    let interpreter = try ReferenceInterpreter(graph)
    let reader = BatchReader(run.preprocessing)
    var scores: [Float] = []
    for index in 0..<data.test.count {
      var input = [Float](repeating: 0, count: 12)
      input.withUnsafeMutableBufferPointer { reader.read(data.test, at: index, into: $0) }
      guard case .f32(let values) = try interpreter.run([.f32(input)])[0] else { continue }
      scores += values
      if ["sigmoid-cross-entropy", "mean-squared-error"].contains(loss) {
        #expect(abs(values[0] + values[1] - 1) < 1e-5)
      }
    }
    let report = ClassificationReport(labels: data.labels, truths: data.test.classes, scores: scores)
    #expect(report.accuracy > 0.9, "\(report.accuracy)")
  }

  @Test func networkAndDataMustFit() throws {
    var data = RowProblem.data
    data.labels.append("none")
    #expect(
      throws: RunError.otherOutputs(network: "rows", expected: 4, data: "rows", found: 3)
    ) { _ = try RowProblem.run(data: data) }
    var description = RowProblem.description
    description.recipe.classWeights = .given([1, 2])
    #expect(
      throws: RunError.mismatch(what: "rows: class-weights", expected: "3, one per class of rows", found: "2")
    ) { _ = try RowProblem.run(description) }
    description.input.height = 5
    #expect(throws: RunError.mismatch(what: "rows: input", expected: "3x4x1 as rows has", found: "5x4x1")) {
      _ = try RowProblem.run(description)
    }
  }
}
