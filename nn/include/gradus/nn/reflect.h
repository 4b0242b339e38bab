#pragma once

#include "gradus/tensor/export.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
/// The fields of a plain struct and their names, without registration.
///
/// An aggregate (no constructor, nothing private, no base but empty ones) is taken apart by
/// structured bindings; the names are read from the compiler's spelling of a pointer to each field.
/// Any other class says in one line what its fields are:
///
///     auto fields() { return nn::fields("weight", weight, "bias", bias); }
namespace gradus::nn {

/// The most fields an aggregate may have. `fields()` knows no limit.
inline constexpr std::size_t kMaxFields = 64;

namespace detail {

// A tuple of pointers, which compiles in a fraction of the time of std::tuple.
template <std::size_t I, class T>
struct Pointer {
  T* pointer;
};
template <class Indices, class... T>
struct Pointers;
template <std::size_t... I, class... T>
struct Pointers<std::index_sequence<I...>, T...> : Pointer<I, T>... {
  static constexpr std::size_t size = sizeof...(T);
};

template <std::size_t I, class T>
constexpr Pointer<I, T> pointer_at(Pointer<I, T> p) {
  return p;
}

template <class T>
inline constexpr bool is_pointers = false;
template <class Indices, class... T>
inline constexpr bool is_pointers<Pointers<Indices, T...>> = true;

}  // namespace detail

/// For a class's own `fields()`: a name before each field.
template <class... NamesAndFields>
constexpr auto fields(NamesAndFields&... names_and_fields) {
  static_assert(sizeof...(NamesAndFields) % 2 == 0, "fields() takes a name before each field");
  return detail::Pointers<std::index_sequence_for<NamesAndFields...>, NamesAndFields...>{{&names_and_fields}...};
}

template <class Self>
struct Module;

namespace detail {

template <class T>
concept IsModule = requires(std::remove_cv_t<T>& object) { []<class Self>(Module<Self>&) {}(object); };

struct NameOfFields {
  int fields;
};
template <class T>
struct WithNameOfFields : T, NameOfFields {};
/// T has a function of that name: the name is ambiguous in a class derived from T and another that has
/// it. Nothing names the function itself, whose type is not known yet where a constructor above it
/// uses the object.
template <class T>
concept NamesFields = !std::is_final_v<T> && !requires { &WithNameOfFields<T>::fields; } &&
                      !requires { requires std::is_member_object_pointer_v<decltype(&T::fields)>; };

template <class T>
concept GivesFields = requires(T& object) { requires is_pointers<decltype(object.fields())>; };

}  // namespace detail

/// A class that says what its fields are.
template <class T>
concept HasFields =
    (detail::IsModule<T> && detail::NamesFields<std::remove_const_t<T>>) || detail::GivesFields<std::remove_const_t<T>>;

namespace detail {

// ---- counting -----------------------------------------------------------------------------------
// T{a, b, …} is tried with more and more values that convert to anything.

struct Any {
  template <class T>
  operator T() const {
    __builtin_unreachable();  // never called, but Clang wants it for types without linkage
  }
};
/// Converts only to bases of T; to those with fields only, if asked.
template <class T, bool WithFields>
struct AnyBase {
  template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T> && !(WithFields && std::is_empty_v<Base>))
  operator Base() const;
};
template <class T, std::size_t>
using Repeat = T;

template <std::size_t N>
using Indices = std::make_index_sequence<N>;

template <class T, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
  return requires { T{Repeat<Any, I>{}...}; };
}
/// With the K values in the middle in braces of their own.
template <class T, std::size_t... I, std::size_t... K, std::size_t... J>
consteval bool takes(std::index_sequence<I...>, std::index_sequence<K...>, std::index_sequence<J...>) {
  return requires { T{Repeat<Any, I>{}..., {Repeat<Any, K>{}...}, Repeat<Any, J>{}...}; };
}
/// With another value in the middle.
template <class T, class Value, std::size_t... I, std::size_t... J>
consteval bool takes_value(std::index_sequence<I...>, std::index_sequence<J...>) {
  return requires { T{Repeat<Any, I>{}..., Value{}, Repeat<Any, J>{}...}; };
}

/// The largest number of values that T{…} takes; kMaxValues and more mean none, or too many. Some
/// smaller numbers are refused: where a field without default, or only a part of a C array of such,
/// would be left over. So the search goes on for a while after a refusal, and from the start to the
/// limit.
inline constexpr std::size_t kMaxValues = 128, kPatience = 8;
template <class T, std::size_t N = 0, std::size_t Found = kMaxValues, std::size_t Refused = 0>
consteval std::size_t most_values() {
  if constexpr (N == kMaxValues || (Found < N && Refused == kPatience))
    return Found;
  else if constexpr (takes<T>(Indices<N>{}))
    return most_values<T, N + 1, N, 0>();
  else
    return most_values<T, N + 1, Found, Refused + 1>();
}

/// Bases come before fields.
template <class T, std::size_t N = 0>
consteval std::size_t base_count() {
  constexpr std::size_t all = most_values<T>();
  if constexpr (N < all) {
    if constexpr (takes_value<T, AnyBase<T, false>>(Indices<N>{}, Indices<all - N - 1>{}))
      return base_count<T, N + 1>();
  }
  return N;
}
template <class T>
consteval bool has_base_with_fields() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return (takes_value<T, AnyBase<T, true>>(Indices<I>{}, Indices<most_values<T>() - I - 1>{}) || ...);
  }(Indices<base_count<T>()>{});
}

/// How many values the field at value `At` swallows: more than one for a C array, whose elements
/// may be given without braces. With K values in braces of its own, such an array leaves less room
/// for the rest than any other field.
template <class T, std::size_t At, std::size_t K = 0>
consteval std::size_t values_of_field() {
  constexpr std::size_t rest = most_values<T>() - At;
  if constexpr (rest < 2 || K > rest)
    return 1;
  else if constexpr (takes<T>(Indices<At>{}, Indices<K>{}, Indices<rest - 1>{}))
    return 1;
  else if constexpr (K > 1 && takes<T>(Indices<At>{}, Indices<K>{}, Indices<rest - K>{}))
    return K;
  else
    return values_of_field<T, At, K + 1>();
}
template <class T, std::size_t At>
consteval std::size_t count_fields() {
  if constexpr (At >= most_values<T>())
    return 0;
  else
    return 1 + count_fields<T, At + values_of_field<T, At>()>();
}

template <class T>
inline constexpr std::size_t field_count = count_fields<T, base_count<T>()>();

template <class T>
consteval bool can_take_apart() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T>)
    return false;
  else if constexpr (most_values<T>() == kMaxValues)
    return false;
  else if constexpr (has_base_with_fields<T>())
    return false;
  else
    return field_count<T> <= kMaxFields;
}

// ---- taking apart -------------------------------------------------------------------------------

// clang-format off
#define GRADUS_FIELDS1(x) x##1
#define GRADUS_FIELDS2(x) GRADUS_FIELDS1(x), x##2
#define GRADUS_FIELDS3(x) GRADUS_FIELDS2(x), x##3
#define GRADUS_FIELDS4(x) GRADUS_FIELDS3(x), x##4
#define GRADUS_FIELDS5(x) GRADUS_FIELDS4(x), x##5
#define GRADUS_FIELDS6(x) GRADUS_FIELDS5(x), x##6
#define GRADUS_FIELDS7(x) GRADUS_FIELDS6(x), x##7
#define GRADUS_FIELDS8(x) GRADUS_FIELDS7(x), x##8
#define GRADUS_IF_COUNT(n, ...) \
  if constexpr (count == n) { auto& [__VA_ARGS__] = object; return f(__VA_ARGS__); } else
#define GRADUS_EIGHT_COUNTS(n, x, ...)                     \
  GRADUS_IF_COUNT(n + 1, __VA_ARGS__ GRADUS_FIELDS1(x))    \
  GRADUS_IF_COUNT(n + 2, __VA_ARGS__ GRADUS_FIELDS2(x))    \
  GRADUS_IF_COUNT(n + 3, __VA_ARGS__ GRADUS_FIELDS3(x))    \
  GRADUS_IF_COUNT(n + 4, __VA_ARGS__ GRADUS_FIELDS4(x))    \
  GRADUS_IF_COUNT(n + 5, __VA_ARGS__ GRADUS_FIELDS5(x))    \
  GRADUS_IF_COUNT(n + 6, __VA_ARGS__ GRADUS_FIELDS6(x))    \
  GRADUS_IF_COUNT(n + 7, __VA_ARGS__ GRADUS_FIELDS7(x))    \
  GRADUS_IF_COUNT(n + 8, __VA_ARGS__ GRADUS_FIELDS8(x))
#define GRADUS_A GRADUS_FIELDS8(a),
#define GRADUS_B GRADUS_A GRADUS_FIELDS8(b),
#define GRADUS_C GRADUS_B GRADUS_FIELDS8(c),
#define GRADUS_D GRADUS_C GRADUS_FIELDS8(d),
#define GRADUS_E GRADUS_D GRADUS_FIELDS8(e),
#define GRADUS_F GRADUS_E GRADUS_FIELDS8(g),
#define GRADUS_G GRADUS_F GRADUS_FIELDS8(h),

/// f(field, field, …). The pack of structured bindings that C++20 lacks.
template <class T, class F>
constexpr auto with_fields(T& object, F&& f) {
  constexpr std::size_t count = field_count<std::remove_const_t<T>>;
  GRADUS_EIGHT_COUNTS(0, a)
  GRADUS_EIGHT_COUNTS(8, b, GRADUS_A)
  GRADUS_EIGHT_COUNTS(16, c, GRADUS_B)
  GRADUS_EIGHT_COUNTS(24, d, GRADUS_C)
  GRADUS_EIGHT_COUNTS(32, e, GRADUS_D)
  GRADUS_EIGHT_COUNTS(40, g, GRADUS_E)
  GRADUS_EIGHT_COUNTS(48, h, GRADUS_F)
  GRADUS_EIGHT_COUNTS(56, i, GRADUS_G)
  return f();
}

#undef GRADUS_FIELDS1
#undef GRADUS_FIELDS2
#undef GRADUS_FIELDS3
#undef GRADUS_FIELDS4
#undef GRADUS_FIELDS5
#undef GRADUS_FIELDS6
#undef GRADUS_FIELDS7
#undef GRADUS_FIELDS8
#undef GRADUS_IF_COUNT
#undef GRADUS_EIGHT_COUNTS
#undef GRADUS_A
#undef GRADUS_B
#undef GRADUS_C
#undef GRADUS_D
#undef GRADUS_E
#undef GRADUS_F
#undef GRADUS_G
// clang-format on

// ---- naming -------------------------------------------------------------------------------------

template <class T>
struct Holder {
  T value;
};
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
/// Declared, never defined: only addresses in it are spelled.
template <class T>
extern const Holder<T> unborn;

// With GCC "… = Pointer<0, const Linear>{(& unborn<Net>.Holder<Net>::value.Net::fc1)}; …]",
// with Clang "… = {&unborn.value.fc1}]".
template <auto P>
consteval std::string_view spelled_field() {
  std::string_view text = __PRETTY_FUNCTION__;
  text = text.substr(0, text.rfind('}'));
  if (text.back() == ')') text.remove_suffix(1);
  return text.substr(text.find_last_of(":.") + 1);
}

template <class T>
consteval auto name_fields() {
  constexpr auto pointers = with_fields(unborn<T>.value, []<class... F>(F&... field) {
    return Pointers<std::index_sequence_for<F...>, F...>{{&field}...};
  });
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<std::string_view, sizeof...(I)>{spelled_field<pointer_at<I>(pointers)>()...};
  }(Indices<field_count<T>>{});
}
template <class T>
inline constexpr auto field_names = name_fields<T>();
#ifdef __clang__
#pragma clang diagnostic pop
#endif

template <class T>
consteval std::string_view spelled_type() {
  std::string_view text = __PRETTY_FUNCTION__;  // "… [with T = Net; …]" or "… [T = Net]"
  text = text.substr(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<' || text[i] == '(') ++depth;
    if (text[i] == '>' || text[i] == ')') --depth;
    if (depth == 0 && text[i] == ':') begin = i + 1;
  }
  return text.substr(begin);
}

}  // namespace detail

/// A class whose fields can be visited.
template <class T>
concept Reflectable = HasFields<T> || detail::can_take_apart<std::remove_const_t<T>>();

/// "Net": the name of a type without its namespaces.
template <class T>
inline constexpr std::string_view type_name = detail::spelled_type<std::remove_cv_t<T>>();

/// visit(name, field) for each field in the order of declaration.
template <Reflectable T, class F>
constexpr void visit_fields(T& object, F&& visit) {
  if constexpr (HasFields<T>) {
    const auto list = const_cast<std::remove_const_t<T>&>(object).fields();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit(std::string_view(*detail::pointer_at<2 * I>(list).pointer), *detail::pointer_at<2 * I + 1>(list).pointer),
       ...);
    }(detail::Indices<decltype(list)::size / 2>{});
  } else {
    detail::with_fields(object, [&](auto&... field) {
      std::size_t i = 0;
      (visit(detail::field_names<std::remove_const_t<T>>[i++], field), ...);
    });
  }
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
