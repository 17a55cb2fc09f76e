import Foundation
import Testing

@testable import Trainer

@Suite struct ParserTests {
  /// Text, and the error it must give, with its hint.
  static let errors: [(String, String, String?)] = [
    ("", "n.net:1:1: expected a line 'input HEIGHTxWIDTHxCHANNELS', found the end of the line", nil),
    ("input 4x4x1\n", "n.net:2:1: expected a layer, found the end of the line", nil),
    ("dense 3", "n.net:1:1: expected 'input' before the first layer, found 'dense'", nil),
    ("inptu 4x4x1", "n.net:1:1: expected 'input' before the first layer, found 'inptu'", "did you mean 'input'?"),
    ("input 4x4", "n.net:1:7: expected HEIGHTxWIDTHxCHANNELS, as 28x28x1, found '4x4'", nil),
    ("input 4x0x1", "n.net:1:7: expected HEIGHTxWIDTHxCHANNELS, as 28x28x1, found '4x0x1'", nil),
    ("input 4x4x1 5", "n.net:1:13: expected 'mean' or the end of the line, found '5'", nil),
    (
      "input 4x4x1\n  conf 3x3x8", "n.net:2:3: expected a layer or 'train', found 'conf'", "did you mean 'conv'?"
    ),
    ("input 4x4x1\nmaxpol 2", "n.net:2:1: expected a layer or 'train', found 'maxpol'", "did you mean 'maxpool'?"),
    ("input 4x4x1\nconv", "n.net:2:5: expected HEIGHTxWIDTHxOUTPUTS, as 3x3x16, found the end of the line", nil),
    (
      "input 4x4x1\nconv 3x3x8 strid 2",
      "n.net:2:12: expected one of stride, pad, nobias, init, from, linear, relu, relu6, sigmoid, tanh, hardsigmoid, hardswish, gelu, silu, threshold, leakyrelu, dilation, groups, found 'strid'",
      "did you mean 'stride'?"
    ),
    ("input 4x4x1\nconv 3x3x8 stride 0", "n.net:2:19: expected a positive number or HEIGHTxWIDTH, found '0'", nil),
    ("input 4x4x1\nconv 3x3x8 pad 1 1", "n.net:2:19: expected padding at the bottom, found the end of the line", nil),
    (
      "input 4x4x1\nconv 3x3x8 pad -1", "n.net:2:16: expected 'same', a number, or top left bottom right, found '-1'",
      nil
    ),
    (
      "input 4x4x1\nconv 3x3x8 init kaiming",
      "n.net:2:17: expected 'he', 'xavier' or 'normal DEVIATION', found 'kaiming'", nil
    ),
    (
      "input 4x4x1\ndense 3 relu tanh extra # why",
      "n.net:2:19: expected one of nobias, init, from, linear, relu, relu6, sigmoid, tanh, hardsigmoid, hardswish, gelu, silu, threshold, leakyrelu, found 'extra'",
      nil
    ),
    (
      "input 4x4x1\ndropout 1.5\ndense 2", "n.net:2:9: expected the share that is dropped, in 0...0.99, found '1.5'",
      nil
    ),
    (
      "input 4x4x1\nstem: dense 4\nadd sten", "n.net:3:5: expected the name of a layer above, or 'input', found 'sten'",
      "did you mean 'stem'?"
    ),
    (
      "input 4x4x1\na: dense 4\na: dense 4",
      "n.net:3:1: expected a name of its own that starts with a letter, found 'a:'", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n epoch 3",
      "n.net:4:2: expected one of epochs, batch, optimizer, rate, schedule, l2, decay, loss, class-weights, clip, ema, seed, validation, early-stop, sampling, augment, found 'epoch'",
      "did you mean 'epochs'?"
    ),
    (
      "input 4x4x2\na: conv 3x3x3\nmultiply input",
      "n.net: line 3, multiply1: expected values of shape 4x4x2 or 1x1x2, found 2x2x3", nil
    ),
    ("input 4x4x1\ndense 2 leakyrelu 2", "n.net:2:19: expected a slope in 0...1, found '2'", nil),
    ("input 4x4x1\ndense 2\ntrain\n epochs 3\n epochs 4", "n.net:5:2: expected each key once, found 'epochs'", nil),
    (
      "input 4x4x1\ndense 2\ntrain\n optimizer adm",
      "n.net:4:12: expected one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, found 'adm'",
      "did you mean 'adam'?"
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n optimizer momentum",
      "n.net:4:20: expected a momentum in 0..<1, found the end of the line", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n loss softmax",
      "n.net:4:7: expected one of softmax-cross-entropy, sigmoid-cross-entropy, mean-squared-error, hinge, perceptron, found 'softmax'",
      nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n validation 100%",
      "n.net:4:13: expected a share below 1, as 0.05 or 5%, found '100%'", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n schedule cosine warmpu 1",
      "n.net:4:18: expected 'warmup' or the end of the line, found 'warmpu'", "did you mean 'warmup'?"
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n schedule one-cycle warmup 1",
      "n.net:4:21: expected 'rise' or the end of the line, found 'warmup'", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n schedule plateau 0.1 warmup 2",
      "n.net:4:23: expected 'patience' and a number of epochs, found 'warmup'", nil
    ),
    (
      "input 4x4x3 mean 0.5 0.5\ndense 2",
      "n.net:1:25: expected 3 numbers, one per channel, in units of [0, 1], found the end of the line", nil
    ),
    (
      "input 4x4x1 mean 0.5 deviation 0\ndense 2", "n.net:1:32: expected a number above 0, found '0'", nil
    ),
    (
      "input 4x4x1 men 0.5\ndense 2", "n.net:1:13: expected 'mean' or the end of the line, found 'men'",
      "did you mean 'mean'?"
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n clip 1", "n.net:4:7: expected 'norm LIMIT' or 'value LIMIT', found '1'", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n ema 1", "n.net:4:6: expected a decay in 0...0.999999, found '1'", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n class-weights 1 0",
      "n.net:4:18: expected 'balanced', or a positive weight for each class, found '0'", nil
    ),
    (
      "input 4x4x1\ndense 2\ntrain\n loss mean-squared-error smoothing 0.1",
      "n.net:4:26: expected the end of the line, found 'smoothing'", nil
    ),
    (
      "input 4x4x1\nconv 5x5x2\ndense 2",
      "n.net: line 2, conv1: expected a window of at most 4x4, the padded input, found 5x5", nil
    ),
    (
      "input 4x4x3\nconv 3x3x4 groups 2\ndense 2",
      "n.net: line 2, conv1: expected groups that divide 3 input and 4 output channels, found groups 2", nil
    ),
    (
      "input 4x4x1\na: dense 3\nb: dense 4 from a\nadd a",
      "n.net: line 4, add1: expected two values of shape 1x1x4, found 1x1x3", nil
    ),
    ("input 4x4x1\na: dense 3\nb: dense 4 from input", "n.net: a: expected a layer that reads it, found none", nil),
    (
      "input 4x4x1\nsoftmax\ndense 2",
      "n.net: softmax1: expected softmax as the last layer, with the loss softmax-cross-entropy, found layers after it",
      nil
    ),
    (
      "input 4x4x1\ndense 2\nsoftmax\ntrain\nloss mean-squared-error",
      "n.net: softmax1: expected softmax as the last layer, with the loss softmax-cross-entropy, found another loss",
      nil
    ),
    (
      "input 4x4x1\ntransposedconv 2x2x2 pad 2\ndense 2",
      "n.net: line 2, transposedconv1: expected padding smaller than the window 2x2 that leaves an output, found 2 2 2 2",
      nil
    ),
    (
      "input 4x4x1\ntransposedconv 2x2x2 stride 3 pad same\ndense 2",
      "n.net: line 2, transposedconv1: expected with 'pad same' a window of at least the stride, 3x3, found 2x2", nil
    ),
    (
      "input 4x4x1\ntransposedconv 2x2x2 groups 2\ndense 2",
      "n.net:2:22: expected one of stride, pad, nobias, init, from, linear, relu, relu6, sigmoid, tanh, hardsigmoid, hardswish, gelu, silu, threshold, leakyrelu, found 'groups'",
      nil
    ),
    (
      "input 4x4x1\nmaxpool 2 pad 2\ndense 2",
      "n.net: line 2, maxpool1: expected padding smaller than the window 2x2, found 2 2 2 2", nil
    ),
    ("input 4x4x1\nflatten", "n.net: n: expected at least one layer with weights, found none", nil),
    (
      "input 40000x40000x40000\ndense 60000",
      "n.net: input: expected at most 2147483647 elements, found 40000x40000x40000", nil
    ),
    (
      "input 4096x4096x16\ndense 60000",
      "n.net: line 2, dense1.weights: expected at most 2147483647 elements, found 60000x268435456", nil
    ),
  ]

  @Test(arguments: errors) func error(text: String, expected: String, hint: String?) {
    let error = #expect(throws: TrainerError.self) { try NetworkDescription(parsing: text, file: "n.net") }
    #expect(error?.description == expected)
    #expect(error?.hint == hint)
  }

  /// Every option of the grammar at once.
  static let everything = """
    name all
    input 12x10x4 mean 0.1 0.2 0.3 0.4 deviation 1 2 0.5 0.25

    stem: conv 3x3x8 stride 2 dilation 2 pad 1 2 3 4 groups 2 init normal 0.05 tanh
    depthwise 3x3x2 pad same nobias relu6   # a comment
    depthwise 3x5 pad 2
    left: batchnorm momentum 0.2 epsilon 0.001 relu
    right: conv 1x1x16 stride 1x1 init xavier from left
    c: add left right relu
    d: multiply c left
    multiply d
    transposedconv 3x2x5 stride 2x1 pad 1 nobias silu
    maxpool 3x2 stride 2x1 pad 1
    avgpool 2
    a: globalavgpool
    b: dense 16 nobias init he sigmoid
    concat a b
    dropout 0.25
    flatten
    relu
    dense 9 leakyrelu
    dense 9 leakyrelu 0.25 nobias
    leakyrelu 0
    threshold
    dense 3 linear
    softmax
    train
      epochs 3
      batch 32
      optimizer adamw 0.01
      rate 0.002
      schedule step 0.5 every 2 warmup 0.25
      l2 1 per-example
      decay 0.01
      early-stop 5
      seed 18446744073709551615
      validation 12.5%
      loss softmax-cross-entropy smoothing 0.1
      class-weights 1 2 0.5
      clip norm 2.5
      ema 0.999
      augment shift 2
      augment flip
    """

  @Test func roundTripOfEverything() throws {
    let description = try describe(ParserTests.everything)
    #expect(try describe(description.text) == description)
    #expect(description.layers.count == 23)
    #expect(description.recipe.validation == 0.125)
    #expect(description.recipe.penalty == .l2PerExample(1))
    #expect(description.normalization == Normalization(mean: [0.1, 0.2, 0.3, 0.4], deviation: [1, 2, 0.5, 0.25]))
    #expect(description.recipe.weightDecay == 0.01)
    #expect(description.recipe.patience == 5)
    #expect(description.recipe.labelSmoothing == 0.1)
    #expect(description.recipe.classWeights == .given([1, 2, 0.5]))
    #expect(description.recipe.clip == .norm(2.5))
    #expect(description.recipe.averageDecay == 0.999)
  }

  static let schedules: [(String, Schedule)] = [
    ("schedule one-cycle", Schedule(.oneCycle(rise: 0.3))),
    ("schedule one-cycle rise 0.5", Schedule(.oneCycle(rise: 0.5))),
    ("schedule plateau 0.1 patience 3", Schedule(.plateau(factor: 0.1, patience: 3))),
    ("schedule cosine floor 0.1 warmup 2", Schedule(.cosine(floor: 0.1), warmUp: 2)),
  ]

  @Test(arguments: schedules) func schedule(line: String, expected: Schedule) throws {
    let description = try describe("input 4x4x1\ndense 2\ntrain\n" + line)
    #expect(description.recipe.schedule == expected)
    #expect(try describe(description.text) == description)
  }

  @Test func batches() throws {
    for (text, batch) in [("all", TrainingRecipe.wholeSet), ("1", 1)] {
      let description = try describe("input 4x4x1\ndense 2\ntrain\nbatch " + text)
      #expect(description.recipe.batch == batch && description.recipe.batchText == text)
      #expect(try describe(description.text) == description)
    }
  }

  @Test(arguments: Loss.allCases) func losses(_ loss: Loss) throws {
    let description = try describe("input 4x4x1\ndense 2\ntrain\nloss " + loss.rawValue)
    #expect(description.recipe.loss == loss)
    #expect(try describe(description.text) == description)
  }

  @Test func linearIsNoActivation() throws {
    for line in ["conv 1x1x2", "dense 2", "depthwise 1x1", "batchnorm", "add input"] {
      let plain = try describe("input 1x1x2\ndense 2\n\(line)\ndense 2")
      #expect(try describe("input 1x1x2\ndense 2\n\(line) linear\ndense 2 linear") == plain)
    }
  }

  @Test func roundTripOfAllFiles() throws {
    let files = try FileManager.default.contentsOfDirectory(at: networksFolder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "net" }
    #expect(files.count >= 4)
    for file in files {
      let text = try String(contentsOf: file, encoding: .utf8)
      let description = try NetworkDescription(parsing: text, file: file.path)
      #expect(try describe(description.text) == description, "\(file.lastPathComponent)")
    }
  }

  @Test func sameInCode() throws {
    let text = try describe("name xor\ninput 1x1x2\ndense 4 tanh\ndense 1\ntrain\nloss sigmoid-cross-entropy")
    var recipe = TrainingRecipe()
    recipe.loss = .sigmoidCrossEntropy
    let code = NetworkDescription(name: "xor", input: ImageShape(height: 1, width: 1, channels: 2), recipe: recipe) {
      LayerKind.dense(DenseDescription(outputs: 4, activation: .tanh))
      LayerDescription(.dense(DenseDescription(outputs: 1)))
    }
    #expect(code == text)
  }

  /// Every prefix of a description is a description or gives an error, never a trap.
  @Test func prefixes() {
    let text = ParserTests.everything
    for count in 0...text.count {
      _ = try? NetworkDescription(parsing: String(text.prefix(count)), file: "n.net")
    }
  }
}
