/* SPDX-License-Identifier: MIT */
/*
 * embed ROOT LIST OUT: writes a C file that holds the files named in LIST (one a line, below ROOT)
 * as byte arrays with an index, in the order of the list. Source text is embedded, not bytecode,
 * which does not travel between architectures.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	char name[1024];
	char path[2048];
	FILE *list, *out;
	int count = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: embed ROOT LIST OUT\n");
		return 2;
	}
	list = fopen(argv[2], "r");
	out = fopen(argv[3], "w");
	if (list == NULL || out == NULL) {
		perror("embed");
		return 1;
	}
	fprintf(out, "/* Generated. */\n#include \"loader.h\"\n");
	while (fgets(name, sizeof name, list) != NULL) {
		FILE *in;
		int c, column = 0;

		name[strcspn(name, "\n")] = '\0';
		if (name[0] == '\0')
			continue;
		if (snprintf(path, sizeof path, "%s/%s", argv[1], name) >= (int)sizeof path ||
			(in = fopen(path, "rb")) == NULL) {
			perror(name);
			return 1;
		}
		fprintf(out, "static const unsigned char file_%d[] = {\n", count++);
		while ((c = getc(in)) != EOF)
			fprintf(out, "%d,%s", c, ++column % 24 == 0 ? "\n" : "");
		fprintf(out, "0};\n");
		fclose(in);
	}
	rewind(list);
	fprintf(out, "const struct embedded_file embedded_files[] = {\n");
	count = 0;
	while (fgets(name, sizeof name, list) != NULL) {
		name[strcspn(name, "\n")] = '\0';
		if (name[0] == '\0')
			continue;
		fprintf(out, "\t{\"%s\", (const char *)file_%d, sizeof file_%d - 1},\n", name,
			count, count);
		count++;
	}
	fprintf(out, "};\nconst size_t embedded_file_count = %d;\n", count);
	fclose(list);
	return fclose(out) == 0 ? 0 : 1;
}
