# A Zephyr module: the model, its kernels and its front end or calendar.
if(CONFIG_MOTEFIT_@NAME@)
  zephyr_library_named(@name@)
  zephyr_library_sources(
@sources@
  )
  zephyr_library_compile_options(-ffp-contract=off)
  zephyr_include_directories(src)
endif()
