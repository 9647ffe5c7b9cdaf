import CMmoe

/// Why a call failed: a code for programs, a sentence for people.
public struct MmoeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The statuses of `mmoe.h`.
  public enum Code: Int32, Sendable {
    case invalidArgument = 1
    case notFound
    case corrupt
    case version
    case contextFull
    case busy
    case cancelled
    case closed
    case bufferTooSmall
    case outOfResources
    case unsupported
    case io
    case runtime
  }

  public let code: Code
  public let message: String

  public var description: String { message }
}

/// Calls the core; throws what it reports.
func check(_ status: mmoe_status) throws {
  guard status != mmoe_status(MMOE_OK) else { return }
  let message = String(cString: mmoe_last_error())
  throw MmoeError(code: MmoeError.Code(rawValue: status) ?? .runtime, message: message)
}

/// Asks for the size first, then for the elements.
func collect<Element>(
  _ zero: Element, _ call: (UnsafeMutablePointer<Element>?, Int, UnsafeMutablePointer<Int>) -> mmoe_status
) throws -> [Element] {
  var count = 0
  let status = call(nil, 0, &count)
  if status != MmoeError.Code.bufferTooSmall.rawValue { try check(status) }
  var elements = [Element](repeating: zero, count: count)
  guard count > 0 else { return elements }
  try elements.withUnsafeMutableBufferPointer { try check(call($0.baseAddress, $0.count, &count)) }
  return elements
}
