typedef int kg_core_is_not_empty;
