#pragma once

// What public headers declare between GRADUS_EXPORT_BEGIN and GRADUS_EXPORT_END is visible outside a shared library,
// whatever -fvisibility says, and stays as -fvisibility says in static ones; GRADUS_EXPORT is the same for one explicit
// instantiation.

#ifdef GRADUS_STATIC
#define GRADUS_EXPORT
#define GRADUS_EXPORT_BEGIN
#define GRADUS_EXPORT_END
#else
#define GRADUS_EXPORT __attribute__((visibility("default")))
#define GRADUS_EXPORT_BEGIN _Pragma("GCC visibility push(default)")
#define GRADUS_EXPORT_END _Pragma("GCC visibility pop")
#endif
