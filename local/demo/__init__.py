"""The demo: `make demo` shows the whole loop improve a model, by nothing but what users do."""
