#pragma once

#include <stdexcept>

namespace mmoe {

// What is wrong with the content of a program; whoever opened the file adds its name.
class Malformed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace mmoe
