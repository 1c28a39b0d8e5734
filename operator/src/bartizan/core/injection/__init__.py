"""Which annotations and volumes a policy's pods must carry."""
