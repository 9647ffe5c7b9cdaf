/// Any JSON value, to be compared.
enum JSON: Decodable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  init(from decoder: Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let integer = try? value.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let string = try? value.decode(String.self) {
      self = .string(string)
    } else if let array = try? value.decode([JSON].self) {
      self = .array(array)
    } else {
      self = .object(try value.decode([String: JSON].self))
    }
  }

  /// A member of an object; nil if there is none.
  subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
  var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }
  var string: String? { if case .string(let string) = self { string } else { nil } }
  var array: [JSON]? { if case .array(let array) = self { array } else { nil } }
  var float: Float? {
    switch self {
    case .integer(let integer): Float(integer)
    case .number(let number): Float(number)
    default: nil
    }
  }

  static func ids(_ ids: [Int32]) -> JSON { .array(ids.map { .integer(Int($0)) }) }
}
