/* The first and only program of a measured guest: it loads the kernel's modules for one device,
 * works on that device, and marks each window of work for whoever reads the trace outside.
 *
 * Settings come as environment variables, which the kernel makes of its command line:
 *   DISK=/dev/NODE, NET=eth0 or TTY=/dev/NODE   what to work on
 *   WORK=dr:4096,dw:4096,...                    what to do, one after the other
 *   OPS=N REPEATS=R                             windows of N and of 2N operations, R times
 *   IRQ=ata_piix                                whose lines of /proc/interrupts to add up
 *
 * A window is: 'B' written to port 0xe9, the work, 'E'. For each one a line goes to port 0xe8:
 *   WORK OPERATIONS INTERRUPTS LOST
 * where LOST counts replies that never came: such a window is worth nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

enum { MARK_PORT = 0xe9, REPORT_PORT = 0xe8, ETHERTYPE = 0x88b5, ETHERNET_HEADER = 14 };
enum { MAX_SIZE = 65536, MAX_DEPTH = 32, LINE_BYTES = 64, FRAME_BYTES = 64 };
static const long long REGION = 256LL << 20; /* requests go round within these bytes of the disk */

static void report(const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (const char *at = text; *at; at++)
		outb(*at, REPORT_PORT);
}

static void end(void)
{
	reboot(RB_AUTOBOOT); /* the machine is started with -no-reboot: this ends it */
	for (;;)
		pause();
}

static void fail(const char *what)
{
	report("error %s: %s\n", what, strerror(errno));
	end();
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

/* Lines of /modules.list: the file, a blank, the module's parameters. */
static void load_modules(void)
{
	char path[256], *parameters;
	FILE *list = fopen("/modules.list", "r");
	if (!list)
		fail("/modules.list");
	while (fgets(path, sizeof path, list)) {
		path[strcspn(path, "\n")] = 0;
		parameters = path + strcspn(path, " ");
		if (*parameters)
			*parameters++ = 0;
		int file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0 || (syscall(SYS_finit_module, file, parameters, 0) && errno != EEXIST))
			fail(path);
		close(file);
	}
	fclose(list);
}

/* Devices appear a while after their driver: up to twenty seconds. */
static int open_soon(const char *path, int flags)
{
	for (int tries = 0; tries < 400; tries++) {
		int file = open(path, flags);
		if (file >= 0)
			return file;
		usleep(50000);
	}
	fail(path);
	return -1;
}

static long interrupts(void)
{
	char line[4096], wanted[256];
	long sum = 0;
	FILE *file = fopen("/proc/interrupts", "r");
	if (!file)
		fail("/proc/interrupts");
	while (fgets(line, sizeof line, file)) {
		char *colon = strchr(line, ':'), *rest = NULL;
		snprintf(wanted, sizeof wanted, "%s", setting("IRQ"));
		if (colon && strstr(line, strtok_r(wanted, ",", &rest)))
			sum += strtol(colon + 1, NULL, 10);
	}
	fclose(file);
	return sum;
}

/* Disks ---------------------------------------------------------------------------------------- */

static int disk = -1;
static long long position;
static char *buffer;
static aio_context_t queue;

/* Every second place, so that no two requests of a batch are neighbours and become one. */
static long long next_position(int size)
{
	long long here = position;
	position = (position + 2LL * size) % REGION;
	return here;
}

static void queued_reads(int size, int depth, int count)
{
	struct iocb requests[MAX_DEPTH], *pointers[MAX_DEPTH];
	struct io_event events[MAX_DEPTH];
	for (int done = 0; done < count; done += depth) {
		memset(requests, 0, sizeof requests);
		for (int n = 0; n < depth; n++) {
			requests[n].aio_fildes = disk;
			requests[n].aio_lio_opcode = IOCB_CMD_PREAD;
			requests[n].aio_buf = (unsigned long)(buffer + n * size);
			requests[n].aio_nbytes = size;
			requests[n].aio_offset = next_position(size);
			pointers[n] = &requests[n];
		}
		if (syscall(SYS_io_submit, queue, depth, pointers) != depth)
			fail("io_submit");
		if (syscall(SYS_io_getevents, queue, depth, depth, events, NULL) != depth)
			fail("io_getevents");
	}
}

static int disk_work(const char *what, int size, int depth, int count)
{
	if (disk < 0) {
		disk = open_soon(setting("DISK"), O_RDWR | O_DIRECT);
		if (posix_memalign((void **)&buffer, MAX_SIZE, (size_t)MAX_SIZE * MAX_DEPTH))
			fail("memory");
		memset(buffer, 0, (size_t)MAX_SIZE * MAX_DEPTH);
		if (syscall(SYS_io_setup, MAX_DEPTH, &queue))
			fail("io_setup");
	}
	if (!strcmp(what, "dqr")) {
		queued_reads(size, depth, count);
		return 1;
	}
	for (int n = 0; n < count; n++) {
		if (!strcmp(what, "dr")) {
			if (pread(disk, buffer, size, next_position(size)) != size)
				fail("read");
		} else if (!strcmp(what, "dw")) {
			if (pwrite(disk, buffer, size, next_position(size)) != size)
				fail("write");
		} else if (!strcmp(what, "df")) {
			if (fsync(disk))
				fail("flush");
		} else {
			return 0;
		}
	}
	return 1;
}

/* Network -------------------------------------------------------------------------------------- */

static int link_socket = -1, lost;
static char mine[6];

static void open_link(void)
{
	struct ifreq request = {0};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE)};
	struct timeval patience = {.tv_sec = 1};
	char path[128], carrier = '0';
	snprintf(path, sizeof path, "/sys/class/net/%s/address", setting("NET"));
	close(open_soon(path, O_RDONLY));
	link_socket = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE));
	snprintf(request.ifr_name, IFNAMSIZ, "%s", setting("NET"));
	if (link_socket < 0 || ioctl(link_socket, SIOCGIFHWADDR, &request))
		fail("socket");
	memcpy(mine, request.ifr_hwaddr.sa_data, sizeof mine);
	request.ifr_flags = IFF_UP;
	if (ioctl(link_socket, SIOCSIFFLAGS, &request))
		fail("interface up");
	snprintf(path, sizeof path, "/sys/class/net/%s/carrier", setting("NET"));
	for (int tries = 0; tries < 400 && carrier != '1'; tries++) {
		int file = open(path, O_RDONLY);
		if (file < 0 || read(file, &carrier, 1) != 1)
			carrier = '0';
		close(file);
		usleep(50000);
	}
	address.sll_ifindex = if_nametoindex(setting("NET"));
	if (carrier != '1' || bind(link_socket, (struct sockaddr *)&address, sizeof address))
		fail("link");
	setsockopt(link_socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

/* The peer outside sends a frame back as often as its byte after the header says. */
static void exchange(int replies)
{
	unsigned char frame[FRAME_BYTES] = {0}, back[2048];
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mine, 6);
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	frame[ETHERNET_HEADER] = replies;
	if (send(link_socket, frame, sizeof frame, 0) != sizeof frame)
		fail("send");
	for (int n = 0; n < replies; n++)
		if (recv(link_socket, back, sizeof back, 0) < 0)
			lost++;
}

static int net_work(const char *what, int replies, int count)
{
	if (link_socket < 0)
		open_link();
	if (strcmp(what, "pp") && strcmp(what, "tx"))
		return 0;
	for (int n = 0; n < count; n++)
		exchange(strcmp(what, "tx") ? replies : 0);
	if (!strcmp(what, "tx"))
		usleep(200000); /* until the last one is out and has interrupted */
	return 1;
}

/* Console -------------------------------------------------------------------------------------- */

static int terminal = -1;

static int console_work(const char *what, int count)
{
	char line[LINE_BYTES];
	struct termios settings;
	if (terminal < 0) {
		terminal = open_soon(setting("TTY"), O_RDWR | O_NOCTTY);
		if (tcgetattr(terminal, &settings))
			fail("terminal");
		cfmakeraw(&settings);
		tcsetattr(terminal, TCSANOW, &settings);
	}
	if (strcmp(what, "con"))
		return 0;
	memset(line, 'a', sizeof line);
	line[LINE_BYTES - 1] = '\n';
	for (int n = 0; n < count; n++)
		if (write(terminal, line, sizeof line) != sizeof line || tcdrain(terminal))
			fail("console");
	return 1;
}

/* Windows -------------------------------------------------------------------------------------- */

static void work(const char *what, int count)
{
	char word[16] = "";
	int first = 0, second = 1, known;
	sscanf(what, "%15[a-z]:%d:%d", word, &first, &second);
	if (first > MAX_SIZE || second > MAX_DEPTH || second < 1)
		known = 0;
	else if (*setting("DISK"))
		known = disk_work(word, first, second, count);
	else if (*setting("NET"))
		known = net_work(word, first, count);
	else
		known = console_work(word, count);
	if (!known) {
		report("error unknown work %s\n", what);
		end();
	}
}

static void window(const char *what, int count)
{
	long before = interrupts();
	lost = 0;
	outb('B', MARK_PORT);
	work(what, count);
	outb('E', MARK_PORT);
	report("%s %d %ld %d\n", what, count, interrupts() - before, lost);
}

int main(void)
{
	char all[1024], *rest = NULL;
	int count = atoi(setting("OPS")), repeats = atoi(setting("REPEATS"));
	if (iopl(3))
		end();
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, "");
	mount("sysfs", "/sys", "sysfs", 0, "");
	mount("devtmpfs", "/dev", "devtmpfs", 0, "");
	load_modules();
	snprintf(all, sizeof all, "%s", setting("WORK"));
	for (char *what = strtok_r(all, ",", &rest); what; what = strtok_r(NULL, ",", &rest)) {
		work(what, count); /* the first time is different: caches, allocations, the link */
		for (int n = 0; n < repeats; n++) {
			window(what, count);
			window(what, 2 * count);
		}
	}
	report("done\n");
	end();
}
