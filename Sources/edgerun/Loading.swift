import Format
import Quantize
import Runtime
import Terminal

// What all commands that take a model have in common: its options, reading it, making a session.

enum ModelOptions {
  static let model = Operand("MODEL")
  static let threads = Option("threads", value: "N", help: "threads to use (default: the CPUs this process may use)")
  static let int8 = Option("int8", help: "quantize a float model on loading, by its calibration if it has one")
  static let saveMemory = Option(
    "save-memory", help: "no kernels that want their weights in more memory than the model's")
  static let json = Option("json", help: "print JSON")
}

extension Command {
  /// Reads the command line; nil if help was asked for and has been printed.
  func arguments(_ words: [String]) throws(Failure) -> Arguments? {
    do throws(UsageError) {
      let arguments = try parse(words)
      guard !arguments.has("help") else {
        write(help)
        return nil
      }
      return arguments
    } catch {
      throw Failure(error)
    }
  }
}

extension Arguments {
  func count(_ option: String, atMost most: Int = .max) throws(Failure) -> Int? {
    do throws(UsageError) {
      return try integer(option, in: 1...most)
    } catch {
      throw Failure(error)
    }
  }

  /// The session options that `--threads` asks for.
  func sessionOptions() throws(Failure) -> SessionOptions {
    SessionOptions(
      threads: try count("threads", atMost: SessionOptions.mostThreads), savesMemory: has("save-memory"))
  }
}

/// A model with what only its file knows.
struct LoadedModel {
  let model: Model
  let fileBytes: Int

  /// - Parameter int8: whether to quantize it.
  /// - Parameter selfTest: whether the quantized model will need a self-test vector, which takes a slow run to make.
  init(path: String, int8: Bool, selfTest: Bool = false) throws(Failure) {
    let float: Model
    do throws(FormatError) {
      let storage = try Storage(mapping: path)
      fileBytes = storage.bytes.count
      float = try Model(storage: storage)
    } catch {
      throw Failure(error, file: path)
    }
    guard int8 else {
      model = float
      return
    }
    do throws(QuantizeError) {
      let options = QuantizationOptions(selfTest: selfTest)
      let ranges = float.metadata.calibration
      model =
        ranges.isEmpty
        ? try float.dynamicallyQuantized(options: options) : try float.quantized(ranges: ranges, options: options)
    } catch {
      throw Failure(path + ": " + error.description, hint: error.hint)
    }
  }

  func session(_ options: SessionOptions) throws(Failure) -> Session {
    do throws(RuntimeError) {
      return try Session(model, options: options)
    } catch {
      throw Failure(error)
    }
  }
}

/// A session for each graph of a model.
struct Sessions {
  let main: Session
  /// Of an encoder–decoder model; its encoder is `main`.
  let answerer: Answerer?

  init(_ loaded: LoadedModel, _ options: SessionOptions) throws(Failure) {
    guard loaded.model.decoder != nil else {
      main = try loaded.session(options)
      answerer = nil
      return
    }
    do throws(RuntimeError) {
      let answerer = try Answerer(loaded.model, options: options)
      main = answerer.encoder
      self.answerer = answerer
    } catch {
      throw Failure(error)
    }
  }

  var all: [Session] { answerer.map { [main, $0.decoder] } ?? [main] }
}
