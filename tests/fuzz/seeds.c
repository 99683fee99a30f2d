/* SPDX-License-Identifier: MIT */
/*
 * Writes the seeds that are no texts, made by the engine's own writers: fuzz_seeds DIR makes
 * DIR/NAME/SEED for the target fuzz_NAME.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/bff.h"
#include "archive/bff_format.h"
#include "archive/bigar.h"
#include "aix/bootimg.h"
#include "archive/huffman.h"
#include "odm/class_file.h"

static const char *root;

static void die(const char *what)
{
	fprintf(stderr, "fuzz_seeds: %s\n", what);
	exit(1);
}

static const char *path_of(const char *target, const char *seed)
{
	static char path[1024];

	snprintf(path, sizeof path, "%s/%s", root, target);
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		die(path);
	snprintf(path, sizeof path, "%s/%s/%s", root, target, seed);
	return path;
}

static void write_seed(const char *target, const char *seed, const void *data, size_t length)
{
	FILE *file = fopen(path_of(target, seed), "wb");

	if (file == NULL || fwrite(data, 1, length, file) != length || fclose(file) != 0)
		die(path_of(target, seed));
}

/* --- archives --- */

static void add_member(struct am_bff_writer *writer, const char *name, uint32_t mode,
	const char *data, const char *target)
{
	struct am_bff_member m = {.name = name, .mode = mode, .nlink = 1, .target = target};
	struct am_error error;
	struct am_reader *reader = NULL;

	if (data != NULL) {
		m.size = (int64_t)strlen(data);
		reader = am_reader_memory("data", data, strlen(data), &error);
	}
	if ((mode & AM_BFF_IFMT) == AM_BFF_IFBLK) {
		m.rdev_major = 10;
		m.rdev_minor = 8;
	}
	if (am_bff_add(writer, &m, reader, &error) != 0)
		die(error.message);
	am_reader_close(reader);
}

static void add_linked(struct am_bff_writer *writer, uint32_t serial, const char *name)
{
	struct am_bff_member m = {
		.name = name, .mode = AM_BFF_IFREG | 0644, .nlink = 2, .ino = serial, .size = 6};
	struct am_error error;
	struct am_reader *reader = am_reader_memory("data", "linked", 6, &error);

	if (am_bff_add(writer, &m, reader, &error) != 0)
		die(error.message);
	am_reader_close(reader);
}

static void make_archive(const char *seed, int pack)
{
	struct am_error error;
	struct am_bff_writer *writer = am_bff_create(path_of("bff", seed), pack, 1, &error);
	uint32_t serial;

	if (writer == NULL)
		die(error.message);
	serial = am_bff_serial(writer);
	add_linked(writer, serial, "./one");
	add_member(writer, "./dir", AM_BFF_IFDIR | 0755, NULL, NULL);
	add_member(writer, "./text", AM_BFF_IFREG | 0644,
		"aaaaaaaaaaaaaaaabbbbbbbbccccccccddddeeffaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbaaaa",
		NULL);
	add_member(writer, "./link", AM_BFF_IFLNK | 0777, NULL, "some/target");
	add_linked(writer, serial, "./two");
	add_member(writer, "./dev", AM_BFF_IFBLK | 0600, NULL, NULL);
	add_member(writer, "./pipe", AM_BFF_IFIFO | 0600, NULL, NULL);
	if (am_bff_finish(writer, &error) != 0)
		die(error.message);
}

static size_t seal(unsigned char *p, size_t length, unsigned type)
{
	p[0] = (unsigned char)(length / 8);
	p[1] = (unsigned char)type;
	bff_put16(p + 2, BFF_MAGIC);
	bff_put16(p + 4, bff_checksum(p, length));
	return length;
}

/* One record of every kind, of which our writer makes only some. */
static void make_record_kinds(void)
{
	for (unsigned type = 0; type <= FS_NAME_E; type++) {
		unsigned char archive[512] = {0}, *p = archive;
		char seed[32];

		bff_put16(p + 6, 1);
		bff_put16(p + 68, BFF_LEVEL_BYNAME);
		p += seal(p, BFF_VOLUME_SIZE, FS_VOLUME);
		for (size_t fixed = 40; fixed <= 72; fixed += 8)
			memcpy(p + fixed, "nnnnn\0\0", 8);
		if (type == FS_NAME || type == FS_ONAME) {
			bff_put16(p + 8, AM_BFF_IFREG | 0644);
			bff_put16(p + 10, 1);
		} else {
			bff_put16(p + 6, 1);
			bff_put32(p + 12, AM_BFF_IFREG | 0644);
		}
		p += seal(p, 80, type);
		if (type >= FS_NAME_X) {
			p[0] = p[4] = 2; /* a plain ACL and PCL */
			p[8] = p[24] = 16;
			p += 40;
		}
		p += seal(p, 8, FS_END);
		snprintf(seed, sizeof seed, "record-%u", type);
		write_seed("bff", seed, archive, (size_t)(p - archive));
	}
}

static void make_packed(void)
{
	static const char text[] = "pack me well, pack me well, and pack me well once more";
	static unsigned char out[2048];
	static struct am_huffman_code code;
	uint64_t frequency[256] = {0};
	size_t length;

	for (size_t i = 0; i < sizeof text; i++)
		frequency[(unsigned char)text[i]]++;
	if (!am_huffman_plan(&code, frequency))
		die("huffman");
	length = am_huffman_header(&code, out);
	length += am_huffman_encode(&code, (const unsigned char *)text, sizeof text, out + length);
	length += am_huffman_finish(&code, out + length);
	write_seed("huffman", "packed", out, length);
}

static void make_ar(void)
{
	static const struct am_bigar_member members[] = {
		{"a.copyright", 1, 0, 0, 0644, (const unsigned char *)"IBM\n", 4, 0},
		{"b.inventory", 2, 3, 4, 0644, (const unsigned char *)"/usr/bin/x:\n\tsize = 1\n",
			23, 0},
		{"empty", 3, 0, 0, 0600, NULL, 0, 0},
	};
	static const char small[] =
		"<aiaff>\n0           0           68          68          0           "
		"4           0           0           0           0           0           644       "
		"  "
		"1   a\0`\nabc\n";
	struct am_buf text = {0};
	struct am_error error;

	if (am_bigar_format(members, 3, &text, &error) != 0)
		die(error.message);
	write_seed("bigar", "big", text.data, text.length);
	write_seed("bigar", "small", small, sizeof small - 1);
	am_buf_free(&text);
}

/* --- ODM --- */

static struct am_odm_value value_of(const char *string)
{
	return (struct am_odm_value){AM_ODM_TEXT, string, strlen(string), 0, 0};
}

static void write_class(const char *seed, const struct am_odm_class *class)
{
	const struct am_buf *data, *strings;
	struct am_buf out = {0};
	struct am_error error;
	unsigned char length[2] = {0};
	size_t used = 0;

	am_odm_class_images(class, &data, &strings);
	if (strings != NULL) /* the pages are mostly empty */
		used = strings->length < 160 ? strings->length : 160;
	length[0] = (unsigned char)used;
	length[1] = (unsigned char)(used >> 8);
	if (am_buf_add(&out, length, 2, &error) != 0 ||
		(used > 0 && am_buf_add(&out, strings->data, used, &error) != 0) ||
		am_buf_add(&out, data->data, data->length < 1600 ? data->length : 1600, &error) !=
			0)
		die(error.message);
	write_seed("odm_class", seed, out.data, out.length);
	am_buf_free(&out);
}

static void make_class(const char *seed, const struct am_odm_definition *definitions, size_t count,
	const char *const *texts)
{
	struct am_error error;
	struct am_odm_class *class = am_odm_class_create("T", "T", definitions, count, &error);
	struct am_odm_value values[16];

	if (class == NULL)
		die(error.message);
	for (int object = 0; object < 3; object++) {
		for (size_t i = 0; i < count; i++)
			values[i] = value_of(texts[i]);
		if (am_odm_class_add(class, values, &error) != 0)
			die(error.message);
	}
	if (am_odm_class_delete(class, 1, &error) != 0)
		die(error.message);
	write_class(seed, class);
	am_odm_class_free(class);
}

static void make_classes(void)
{
	static const struct am_odm_definition all[] = {{"name", AM_ODM_CHAR, 16, NULL, NULL},
		{"value", AM_ODM_CHAR, 256, NULL, NULL}, {"index", AM_ODM_SHORT, 0, NULL, NULL},
		{"text", AM_ODM_VCHAR, 64, NULL, NULL}, {"ln", AM_ODM_LINK, 8, "Other", "key"},
		{"wide", AM_ODM_INT64, 0, NULL, NULL}, {"method", AM_ODM_METHOD, 12, NULL, NULL},
		{"bits", AM_ODM_BINARY, 4, NULL, NULL}, {"real", AM_ODM_DOUBLE, 0, NULL, NULL},
		{"ul", AM_ODM_ULONG, 0, NULL, NULL}};
	static const char *const texts[] = {"one", "kept apart", "7", "a string", "k", "-1",
		"/bin/m", "0x01020304", "0.5", "9"};
	static const struct am_odm_definition plain[] = {
		{"name", AM_ODM_CHAR, 16, NULL, NULL}, {"n", AM_ODM_LONG, 0, NULL, NULL}};
	static const char *const plain_texts[] = {"hdisk0", "4"};

	make_class("all", all, sizeof all / sizeof *all, texts);
	make_class("plain", plain, 2, plain_texts);
}

/* --- boot --- */

enum { IMAGE_SIZE = 2048, CODE_START = 4 };

static void put32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void put_words(unsigned char *p, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put32(p + words[2 * i], words[2 * i + 1]);
}

static void make_image(unsigned char *p)
{
	static const uint32_t words[] = {0, 0x7F454C46, 4, 0x01020100, 16, 0x00020014, 20, 1, 28,
		52, 40, 0x00340020, 44, 0x00040000, 52, 4, 56, 180, 68, 44, 84, 4, 88, 224, 100, 76,
		116, 1, 120, 300, 132, 64, 136, 64, 148, 1, 152, 364, 164, IMAGE_SIZE - 364, 168,
		IMAGE_SIZE - 364, 180, 8, 184, 24, 188, 0x1275, 220, 0x4000, 224, 22, 228, 40, 232,
		0x12759999, 300, 64, 304, 1600000000, 308, 100, 312, 400, 316, 900, 320, 1024, 324,
		1024};

	put_words(p, words, sizeof words / sizeof *words / 2);
	memcpy(p + 192, "PowerPC", 8);
	memcpy(p + 236, "IBM,RPA-Client-Config", 22);
}

static void make_record(unsigned char *p)
{
	static const uint32_t words[] = {0, 0xC9C2D4C1, 36, IMAGE_SIZE / AM_SECTOR_SIZE, 40, 364,
		44, CODE_START, 48, CODE_START, 52, 64, 128, 0x00F6DB0A, 132, 0x6C7AECE5, 0x1BC,
		0x00008000, 0x1C0, 0x00004100, 0x1FC, 0x000055AA};

	put_words(p, words, sizeof words / sizeof *words / 2);
	p[0x1BE + 8] = CODE_START;
	p[0x1BE + 12] = IMAGE_SIZE / AM_SECTOR_SIZE;
}

static void make_boot(void)
{
	static unsigned char disk[CODE_START * AM_SECTOR_SIZE + IMAGE_SIZE];
	unsigned char *image = disk + CODE_START * AM_SECTOR_SIZE;
	struct am_bootimg read;
	struct am_error error;
	struct am_ipl ipl;

	make_record(disk);
	make_image(image);
	if (am_bootimg_parse(image, IMAGE_SIZE, &read, &error) != 0 ||
		am_ipl_parse(disk, AM_SECTOR_SIZE, &ipl, &error) != 0 ||
		am_ipl_check(&ipl, &error) != 0)
		die(error.message);
	write_seed("bootimg", "image", image, IMAGE_SIZE);
	write_seed("bootimg", "record", disk, AM_SECTOR_SIZE);
	write_seed("bootimg", "disk", disk, sizeof disk);
	/* The place that fuzz_bootimg takes from the same bytes: one that a record can be composed
	 * for. */
	memset(disk + 4, 0, 20);
	disk[5] = 0x10;
	disk[12] = 2;
	memset(disk + 0x1BE, 0, 64);
	write_seed("bootimg", "place", disk, AM_SECTOR_SIZE);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		die("usage: fuzz_seeds DIR");
	root = argv[1];
	if (mkdir(root, 0755) != 0 && errno != EEXIST)
		die(root);
	make_archive("plain", 0);
	make_archive("packed", 1);
	make_record_kinds();
	make_packed();
	make_ar();
	make_classes();
	make_boot();
	return 0;
}
