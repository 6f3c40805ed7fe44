# oneDNN comes as two Python packages (library and headers) that are build requirements; a copy of the
# one shared library that we use travels in our wheel.
find_package(Python 3.11 COMPONENTS Interpreter REQUIRED)
execute_process(
  COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/find_onednn.py
  OUTPUT_STRIP_TRAILING_WHITESPACE OUTPUT_VARIABLE onednn_paths RESULT_VARIABLE onednn_missing)
if(onednn_missing)
  message(FATAL_ERROR "oneDNN not found: pip install onednn-cpu-gomp==2023.2.0 "
                      "onednn-devel-cpu-gomp==2023.2.0, or configure with -DFLAMBEAU_PORTABLE=ON")
endif()
list(GET onednn_paths 0 onednn_library)
list(GET onednn_paths 1 onednn_include)
add_library(dnnl SHARED IMPORTED)
set_target_properties(dnnl PROPERTIES IMPORTED_LOCATION ${onednn_library} IMPORTED_NO_SONAME OFF
                      IMPORTED_SONAME libdnnl.so.3)
include_directories(SYSTEM ${onednn_include})
