/// Sentences as people write them into calendars and chats, with a tag for each character: part of a date (D), a time (T), an
/// amount of money (A), or of none (-).
enum DateTags {
  static let labels = ["-", "A", "D", "T"]

  static var train: [SequenceTexts.Pair] { sentences(count: 8000, number: 1) }
  /// Of other random numbers; what sentences are made of is the same.
  static var test: [SequenceTexts.Pair] { sentences(count: 1000, number: 2) }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
  private static let subjects = [
    "Meeting", "Lunch with Ann", "Order 4711", "The train", "Invoice 2024", "Room 12", "Call Bob", "Deliver 30 boxes",
    "May the report", "Flight LH 453", "March on", "Gate 7",
  ]
  private static let verbs = [
    "is due", "starts", "was moved to", "ends", "is booked for", "happened on", "arrives", "by",
  ]
  private static let ends = ["", ".", ", please confirm", ", line 12", " for 2 people", " in hall 9"]

  private static func sentences(count: Int, number: Int) -> [SequenceTexts.Pair] {
    var stream = RandomStream(seed: 0, .sequenceExamples, number: number)
    return (0..<count).map { _ in sentence(&stream) }
  }

  private static func sentence(_ stream: inout RandomStream) -> SequenceTexts.Pair {
    var (text, tags) = ("", "")
    func add(_ part: String, _ tag: Character = "-") {
      text += part
      tags += String(repeating: tag, count: part.count)
    }
    add(pick(subjects, &stream) + " " + pick(verbs, &stream))
    if stream.next(below: 4) > 0 {
      add(" ")
      add(date(&stream), "D")
    }
    if stream.next(below: 2) > 0 {
      add(" at ")
      add(time(&stream), "T")
    }
    if stream.next(below: 3) == 0 {
      add(" for ")
      add(amount(&stream), "A")
    }
    add(pick(ends, &stream))
    return (text, tags)
  }

  private static func date(_ stream: inout RandomStream) -> String {
    let day = stream.next(below: 28) + 1
    let month = stream.next(below: 12)
    let year = 1990 + stream.next(below: 50)
    switch stream.next(below: 6) {
    case 0: return "\(day) \(months[month]) \(year)"
    case 1: return "\(months[month]) \(day)"
    case 2: return "\(year)-\(padded(month + 1))-\(padded(day))"
    case 3: return "\(day).\(month + 1).\(year)"
    case 4: return pick(days, &stream)
    default: return "\(months[month].prefix(3)) \(day), \(year)"
    }
  }

  private static func time(_ stream: inout RandomStream) -> String {
    let (hour, minute) = (stream.next(below: 24), stream.next(below: 60))
    switch stream.next(below: 3) {
    case 0: return "\(padded(hour)):\(padded(minute))"
    case 1: return "\(hour % 12 + 1) pm"
    default: return "noon"
    }
  }

  private static func amount(_ stream: inout RandomStream) -> String {
    let (whole, cents) = (stream.next(below: 3000), stream.next(below: 100))
    switch stream.next(below: 3) {
    case 0: return "$\(whole)"
    case 1: return "\(whole).\(padded(cents)) EUR"
    default: return "\(whole) dollars"
    }
  }

  private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func pick(_ texts: [String], _ stream: inout RandomStream) -> String {
    texts[stream.next(below: texts.count)]
  }
}
