import Format
import Terminal

/// What a model says of one input.
protocol ModelResult: AnyObject {
  var failure: Failure? { get }
  /// For people; with what has been printed already left out.
  var text: String { get }
  /// The name of the list that results of this kind make.
  var jsonKey: String { get }
  func write(to json: inout JSONWriter)
}

/// What a model is made for.
enum ModelTask {
  /// What is in a picture.
  case pictures
  /// A text about a picture, and one about a text.
  case captions, answers
  /// What a text is, and what each of its tokens is.
  case classes, tags
  /// What comes next.
  case language

  init(_ model: Model) {
    let metadata = model.metadata
    if model.decoder != nil {
      self = metadata.inputVocabulary == nil ? .captions : .answers
    } else if metadata.inputVocabulary == nil {
      self = .pictures
    } else if metadata.vocabulary != nil {
      self = .language
    } else {
      self = metadata.labeling == .steps ? .tags : .classes
    }
  }
}

/// What the command line asks for.
struct Wishes {
  let top: Int
  let text: String?
  let beam: Int?
  /// Tokens to write.
  let tokens: Int?
  let temperature: Double?
  let seed: UInt64?
  let isJSON: Bool

  init(_ arguments: Arguments) throws(Failure) {
    top = try arguments.count("top") ?? 3
    text = arguments.string("text")
    beam = try arguments.count("beam", atMost: 1000)
    tokens = try arguments.count("generate")
    isJSON = arguments.has("json")
    do throws(UsageError) {
      temperature = try arguments.number("temperature", expected: "a number from 0 to 100") { $0 >= 0 && $0 <= 100 }
      seed = try arguments.integer("seed", in: 0...Int.max).map { UInt64($0) }
    } catch {
      throw Failure(error)
    }
  }

  /// Makes sure that no option is for another kind of model.
  func check(_ task: ModelTask, file: String) throws(Failure) {
    let readsText: Bool
    switch task {
    case .pictures, .captions: readsText = false
    case .answers, .classes, .tags, .language: readsText = true
    }
    let isLanguage = task == .language
    for (option, isGiven, fits, kind) in [
      ("--text", text != nil, readsText, "reads text"),
      ("--beam", beam != nil, task == .captions || task == .answers, "answers"),
      ("--generate", tokens != nil, isLanguage, "knows what comes next"),
      ("--temperature", temperature != nil, isLanguage, "knows what comes next"),
      ("--seed", seed != nil, isLanguage, "knows what comes next"),
    ] where isGiven && !fits {
      throw Failure(file + ": expected a model that " + kind + " for " + option + ", found another")
    }
  }

  /// The texts to read, that of the command line first; an empty one where only writing is asked for.
  func texts(_ paths: [String]) -> [TextSource] {
    var sources: [TextSource] = []
    if let text { sources.append(.words(text)) }
    for path in paths { sources.append(path == "-" ? .standardInput : .file(path)) }
    return sources.isEmpty ? [.words("")] : sources
  }
}
