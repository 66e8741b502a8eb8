/* proc.h - a process is a pid and its start time, because pids are reused
 *
 * Start time: field 22 of /proc/PID/stat, clock ticks since boot (proc(5)).
 */
#ifndef RUNBOX_PROC_H
#define RUNBOX_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The first user namespace has a fixed inode number: PROC_USER_INIT_INO, include/linux/proc_ns.h
 */
#define RB_INIT_USER_NS_INODE 0xEFFFFFFDu

/**
 * rb_proc_stat() - state letter and start time of a process
 * @ret_state: 'R', 'S', 'Z' ..., may be NULL; 'S' when only its first thread has ended
 * Return: 0, -ESRCH when there is no such process, or -errno
 */
int rb_proc_stat(pid_t pid, char *ret_state, uint64_t *ret_start_time);

/**
 * rb_proc_open() - pidfd of the process that is @pid and began at @start_time
 * The start time is read after the pidfd is open, so the descriptor is of that very process.
 * Return: 0; -ESRCH when it is gone (a zombie counts as there); -EACCES when /proc hides it
 * (hidepid); or -errno
 */
int rb_proc_open(pid_t pid, uint64_t start_time, int *ret_pidfd);

/** rb_proc_alive() - is that process there and not a zombie? One that /proc hides counts as there.
 */
bool rb_proc_alive(pid_t pid, uint64_t start_time);

/**
 * rb_args_take() - the command line as a copy, so that the original can be hidden
 * Return: as @argv, malloc'd, for the life of the process
 */
char **rb_args_take(int argc, char **argv);

/** rb_args_hide() - empty what /proc/PID/cmdline shows of this process, after rb_args_take() */
void rb_args_hide(void);
/** rb_env_hide() - the same of /proc/PID/environ; there is no environment afterwards */
void rb_env_hide(void);

/**
 * rb_self_path() - absolute path of our own executable
 * The detached mount that it is protected by has no path: then it is what argv[0] leads to. Call it
 * before the working directory changes. Return: 0 or -errno
 */
int rb_self_path(char *buf, size_t size);

/** rb_pidfd_wait() - wait until the process of @pidfd has ended. @timeout_ms -1: for ever.
 *  Return: 0, -ETIMEDOUT or -errno */
int rb_pidfd_wait(int pidfd, int timeout_ms);

/**
 * rb_proc_idle_cpu() - is there, in this moment, one processor or more for us that nobody uses? By
 * the count of what is running in /proc/loadavg (proc(5)), so it is a guess. What would run at the
 * same time costs processor time, which on a busy machine is somebody else's.
 */
bool rb_proc_idle_cpu(void);

/**
 * rb_proc_beside() - have a process that was just cloned run on another processor than ours
 * Schedulers that keep a machine's load together leave it where it was born, behind us, until we wait for
 * something. A hint: it may be of no effect, and bounds the process until it sets its affinity itself.
 * Source: sched_setaffinity(2).
 */
void rb_proc_beside(pid_t pid);
/** rb_proc_aside() - go to another processor than this one, if we may, and leave this one to who
 * else is on it */
void rb_proc_aside(void);
/** rb_proc_cpu() - the processor that we are on in this moment, or -1 */
int rb_proc_cpu(void);

/** rb_now_ns() - CLOCK_MONOTONIC, nanoseconds */
uint64_t rb_now_ns(void);

#endif
